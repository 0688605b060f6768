"""The life of approval requests as it should be, in plain Python: several people, delegation, clarification, undo.

It knows no SQL and repeats none of the declared tables. Each method is one thing that may happen and says what is to
come of it: True, or which refusal.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

TTL = timedelta(minutes=60)
A_MINUTE = timedelta(minutes=1)
OVER, ENDED, VOTED, PASSED_ON = "over", "ended", "voted", "passed on"
NOTE_OPEN, NOTE_ENDED, TOO_LATE, NOT_THEIRS = "note open", "note ended", "too late", "not theirs"
KNOWN = "known"


@dataclass(eq=False)
class Request:
    id: UUID
    task_id: UUID
    version: str
    needed: int
    people: list[str]
    take_back: timedelta
    number: int
    expires_at: datetime | None
    state: str = "pending"
    task: str = "pending_approval"
    votes: dict[str, str] = field(default_factory=dict)
    passed: dict[str, str] = field(default_factory=dict)  # from whom to whom
    note: tuple[UUID, str] | None = None  # the open one, and who asks
    left: timedelta | None = None  # while the clock stands still
    decided_at: datetime | None = None
    run_at: datetime | None = None

    def __repr__(self) -> str:
        return f"request {self.number} ({self.state}, {self.votes}, passed on {self.passed})"

    def open_at(self, now: datetime) -> bool:
        return self.state == "pending" and (self.expires_at is None or self.expires_at > now)

    def _may_act(self, person: str, now: datetime) -> str | None:
        """Why not, as the first that holds; None: they may."""
        if not self.open_at(now):
            return OVER if self.state in ("pending", "expired") else ENDED
        if person in self.votes:
            return VOTED
        return PASSED_ON if person in self.passed else None

    def decide(self, person: str, verb: str, now: datetime) -> str | None:
        if (refusal := self._may_act(person, now)) is not None:
            return refusal
        self.votes[person] = verb
        agreed = sum(each == "approve" for each in self.votes.values())
        # Whoever has passed it on is not asked any more; whoever rejects can't be counted on.
        reachable = sum(one not in self.passed and self.votes.get(one) != "reject" for one in self.people)
        if agreed >= self.needed:
            self._end("approved", now)
        elif "reject" in self.votes.values() and (self.needed == 1 or reachable < self.needed):
            self._end("rejected", now)
        return None

    def _end(self, state: str, now: datetime) -> None:
        self.state, self.decided_at = state, now
        if state == "rejected":
            self.task = "rejected"
        elif self.take_back:
            self.task, self.run_at = "scheduled", now + self.take_back
        else:
            self.task = "queued"

    def delegate(self, sender: str, to: str, now: datetime) -> str | None:
        if (refusal := self._may_act(sender, now)) is not None:
            return refusal
        if to == sender or to in self.people or to in self.votes:
            return KNOWN
        self.passed[sender] = to
        self.people.append(to)
        return None

    def ask_back(self, person: str, now: datetime) -> str | None:
        if (refusal := self._may_act(person, now)) is not None:
            return refusal
        return NOTE_OPEN if self.note is not None else None

    def asked_back(self, note: UUID, person: str, now: datetime) -> None:
        self.note = note, person
        if self.expires_at is not None:
            self.left, self.expires_at = self.expires_at - now, None

    def end_note(self, note: UUID, now: datetime, by: str | None = None) -> str | None:
        """Answered by the owner, or withdrawn `by` somebody asked."""
        if by is not None and self.note is not None and self.note[0] == note and self.note[1] != by:
            return NOT_THEIRS
        if not self.open_at(now):
            return OVER if self.state in ("pending", "expired") else ENDED
        if self.note is None or self.note[0] != note:
            return NOTE_ENDED
        self.note = None
        if self.left is not None:
            self.expires_at, self.left = now + self.left, None
        return None

    def undo(self, person: str, now: datetime) -> str | None:
        if self.state != "approved" or not self.take_back or self.decided_at is None:
            return TOO_LATE
        if self.votes.get(person) != "approve":
            return NOT_THEIRS
        if self.task != "scheduled" or self.decided_at + self.take_back <= now:
            return TOO_LATE
        if self.expires_at is not None:
            self.expires_at = now + max(self.expires_at - self.decided_at, A_MINUTE)
        self.state, self.task = "pending", "pending_approval"
        self.decided_at = self.run_at = None
        del self.votes[person]
        return None

    def pass_time(self, now: datetime) -> None:
        """What the sweeper does."""
        if self.state == "pending" and self.expires_at is not None and self.expires_at <= now:
            self.state = self.task = "expired"
        if self.task == "scheduled" and self.run_at is not None and self.run_at <= now:
            self.task = "queued"
