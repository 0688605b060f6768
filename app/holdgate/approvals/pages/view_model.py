"""What pages show of a question's course: how far it has come, what was asked back, what happened when."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from holdgate.accounts import service as accounts
from holdgate.approvals.figures import answers
from holdgate.approvals.models import Approval, ApprovalEvent, Note, Recipient, Vote
from holdgate.approvals.rules import policy_queries
from holdgate.approvals.rules.access import answered_by_owner
from holdgate.approvals.rules.tally import Standing, standing_of
from holdgate.approvals.states import ApprovalState, HoldType
from holdgate.core.db import Session
from holdgate.core.principal import Principal, name_of
from holdgate.runs import lookup as runs


class ApprovalModel(msgspec.Struct, frozen=True, kw_only=True):
    """As `viewer`, an address, sees it. `owner` is the address that can be asked back, or "". `paused`: by its run.
    `likely_by`: when it is likely answered, for signed-in people."""

    approval: Approval
    standing: Standing
    notes: Sequence[Note]
    viewer: str
    owner: str
    decides_unasked: bool
    answers: bool
    paused: bool
    likely_by: datetime | None

    @property
    def vote(self) -> Vote | None:
        return self.standing.vote_of(self.viewer)

    @property
    def me(self) -> Recipient | None:
        return self.standing.recipient(self.viewer)

    @property
    def passed_on_to(self) -> Recipient | None:
        return self.standing.passed_on_to(self.me) if self.me else None

    @property
    def barred(self) -> bool:
        return self.standing.bars(self.viewer)

    @property
    def may_decide(self) -> bool:
        free = not (self.vote or self.passed_on_to or self.barred)
        return self.open and free and (self.me is not None or self.decides_unasked)

    @property
    def may_pass_on(self) -> bool:
        return self.may_decide and self.me is not None and self.approval.hold == HoldType.APPROVAL

    @property
    def may_ask_back(self) -> bool:
        return self.may_pass_on and self.open_note is None and self.owner not in ("", self.viewer)

    @property
    def may_withdraw(self) -> bool:
        return self.open_note is not None and self.me is not None and self.open_note.recipient_id == self.me.id

    @property
    def open(self) -> bool:
        return self.approval.state == ApprovalState.PENDING

    @property
    def open_note(self) -> Note | None:
        return next((note for note in self.notes if self.open and note.ended_at is None), None)


async def course_of(session: Session, approval: Approval, viewer: str, *, by: Principal | None = None) -> ApprovalModel:
    """Args:
    by: the signed-in person, who may also be the owner or an admin; None behind a link.
    """
    owner = await accounts.find_user(session, approval.owner_id) if approval.owner_id else None
    owns = by is not None and approval.owner_id == by.id
    is_admin = by is not None and by.is_admin
    return ApprovalModel(
        approval=approval,
        standing=await standing_of(session, approval),
        notes=await policy_queries.notes_of(session, approval.id),
        viewer=viewer,
        owner=owner.email if owner and owner.disabled_at is None else "",
        decides_unasked=(is_admin and not approval.needed_by) or (owns and answered_by_owner(approval)),
        answers=owns or is_admin,
        paused=await runs.holds_back(session, approval.task_id),
        likely_by=await answers.likely_by(session, approval) if by is not None else None,
    )


class TimelineLine(msgspec.Struct, frozen=True):
    """For `ui.timeline`."""

    at: datetime
    title: str
    actor: str = ""
    detail: str = ""
    state: str | None = None


TITLES = {
    "ask": "Approval requested",
    "approve": "Approved",
    "reject": "Rejected",
    "request_changes": "Requested changes",
    "answer": "Answered",
    "propose": "Changed the form",
    "upload": "File uploaded",
    "forward": "Delegated",
    "ask_back": "Clarification requested; deadline paused",
    "answer_back": "Owner replied; deadline resumed",
    "withdraw": "Question withdrawn; deadline resumed",
    "remind": "Reminder sent",
    "show": "Shown in a review session",
    "expire": "Expired",
    "escalate": "Deadline passed; escalated to more people",
    "cancel": "Cancelled",
    "take_back": "Approval undone; request reopened",
    "use": "Approval used",
}
STATES = {
    "ask": "pending",
    "approve": "approved",
    "reject": "rejected",
    "request_changes": "changes_requested",
    "answer": "answered",
    "expire": "expired",
    "cancel": "cancelled",
    "take_back": "pending",
}


def title_of(event: ApprovalEvent) -> str:
    if option := event.data.get("option"):
        return f"Chose “{option}”"
    return TITLES.get(event.verb, event.verb.replace("_", " ").capitalize())


def timeline_of(approval: Approval, events: Sequence[ApprovalEvent]) -> list[TimelineLine]:
    """Oldest first. What ended the question from outside, with its task, stands at the end."""
    lines = [
        TimelineLine(
            event.at,
            title_of(event),
            "" if event.actor == "system" else event.actor,
            _detail(event.data),
            STATES.get(event.verb),
        )
        for event in events
    ]
    said = {line.state for line in lines}
    if approval.decided_at is not None and approval.state not in said:
        by = name_of(approval.decided_by or "")
        reason = approval.reason or ""
        lines.append(
            TimelineLine(approval.decided_at, approval.state.replace("_", " ").capitalize(), by, reason, approval.state)
        )
    if approval.withdrawn_at is not None:
        detail = "The request or the task’s payload changed, so the decision no longer counts."
        lines.append(TimelineLine(approval.withdrawn_at, "Withdrawn", detail=detail, state="cancelled"))
    return lines


def _detail(data: dict[str, Any]) -> str:
    to = f"to {data['to']}" if "to" in data else ""
    why = data.get("why", {})
    people = ", ".join(f"{email} ({why[email]})" if email in why else email for email in data.get("people", ()))
    left_out = f"not {', '.join(data['left_out'])}, who started or changed it" if "left_out" in data else ""
    away = f"{', '.join(data['away'])} away without a substitute" if "away" in data else ""
    group = f"group {data['group']}" if "group" in data else ""
    fields = ", ".join(data.get("fields", ()))
    again = f"sent again to {', '.join(data['again'])}" if data.get("again") else ""
    texts = [
        to,
        fields,
        again,
        group,
        people,
        left_out,
        away,
        *(data.get(name) or "" for name in ("note", "text", "reason")),
    ]
    return ": ".join(text for text in texts if text)
