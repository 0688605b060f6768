"""How a question stands: who was asked, who has decided what, who still can. Pages show it, deciding settles by it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.accounts import service as accounts
from holdgate.approvals.models import Approval, Recipient, Vote
from holdgate.approvals.rules import policy_queries, quotas, recipient_queries
from holdgate.approvals.states import ApprovalState, ApprovalVerb
from holdgate.core.db import Session
from holdgate.core.text.addresses import canonical_address
from holdgate.runs import lookup as runs
from holdgate.tasks.search import lists


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """`needed_by`: how many of which group, where groups are counted. `barred` are canonical addresses of those who
    started it, or changed it, and may not decide; `disabled` addresses of people who may not decide any more."""

    needed: int
    needed_by: Mapping[str, int] = {}
    recipients: Sequence[Recipient]
    votes: Sequence[Vote]
    barred: frozenset[str] = frozenset()
    disabled: frozenset[str] = frozenset()

    @property
    def approved(self) -> list[Vote]:
        return [vote for vote in self.votes if vote.verb == ApprovalVerb.APPROVE]

    @property
    def rejected(self) -> list[Vote]:
        return [vote for vote in self.votes if vote.verb == ApprovalVerb.REJECT]

    @property
    def lacking(self) -> int:
        """How many more must approve."""
        return self._lacking_with([vote.person for vote in self.approved])

    def _lacking_with(self, people: Collection[str]) -> int:
        """How many more would have to approve, once these persons have."""
        counted = sum(self._filled(people).values()) if self.needed_by else len(people)
        return max(0, self.needed - counted)

    def _filled(self, people: Iterable[str]) -> dict[str, int]:
        stand_for = {canonical_address(person.email): person.groups for person in self.recipients}
        return quotas.filled(self.needed_by, [stand_for.get(person, ()) for person in people])

    @property
    def progress(self) -> list[tuple[str, int, int]]:
        """Of each group that is counted: its name, how many of it have approved, how many must."""
        found = self._filled(vote.person for vote in self.approved)
        return [(group, found[group], number) for group, number in self.needed_by.items()]

    @property
    def still_asked(self) -> list[Recipient]:
        """Those who can still decide: neither voted, nor passed it on, nor barred."""
        over = {vote.person for vote in self.votes} | self.barred
        return [
            person
            for person in self.recipients
            if canonical_address(person.email) not in over and self.passed_on_to(person) is None
        ]

    @property
    def in_line(self) -> list[Recipient]:
        """Those with whom it waits for its turn, while it is open for nobody."""
        turns = [person.turn for person in self.still_asked]
        return [] if "open" in turns else [person for person in self.still_asked if person.turn == "waiting"]

    @property
    def able(self) -> list[Recipient]:
        """Those of them who are not disabled. Not for pages: who has an account is not for everybody to know."""
        return [person for person in self.still_asked if person.email.lower() not in self.disabled]

    @property
    def out_of_reach(self) -> bool:
        """Whether not enough people are left to approve, whatever they decide."""
        able = {canonical_address(person.email) for person in self.able}
        return self._lacking_with({*able, *(vote.person for vote in self.approved)}) > 0

    def recipient(self, email: str) -> Recipient | None:
        """The one asked at exactly this address."""
        return next((person for person in self.recipients if person.email.lower() == email.lower()), None)

    def vote_of(self, email: str) -> Vote | None:
        person = canonical_address(email)
        return next((vote for vote in self.votes if vote.person == person), None)

    def passed_on_to(self, recipient: Recipient) -> Recipient | None:
        return next((person for person in self.recipients if person.forwarded_from == recipient.id), None)

    def bars(self, email: str) -> bool:
        return canonical_address(email) in self.barred


async def standing_of(
    session: Session, approval: Approval, *, access: bool = False, recipients: Sequence[Recipient] | None = None
) -> Standing:
    """Args:
    access: also who is disabled, for whoever decides or mails by it.
    recipients: those of the request, where they are known.
    """
    barred = await barred_from(session, approval)
    if recipients is None:
        recipients = await recipient_queries.recipients_of(session, [approval.id])
    undecided = approval.state == ApprovalState.PENDING and approval.needed == 1  # the first vote decides it
    return Standing(
        needed=approval.needed,
        needed_by=approval.needed_by or {},
        recipients=recipients,
        votes=[] if undecided else await policy_queries.votes_of(session, [approval.id]),
        barred=barred,
        disabled=await accounts.disabled_among(session, [one.email for one in recipients]) if access else frozenset(),
    )


async def barred_from(session: Session, approval: Approval) -> frozenset[str]:
    """Canonical addresses of those who started it, or changed it, and may not decide."""
    if approval.self_approval:
        return frozenset()
    run_id = await policy_queries.run_of(session, approval.task_id)
    return await starters(session, approval.task_id, approval.owner_id, run_id)


async def standings_of(session: AsyncSession, approvals: Sequence[Approval]) -> dict[UUID, Standing]:
    """Of many questions at once, for a list: without who is barred or disabled."""
    ids = [approval.id for approval in approvals]
    people: dict[UUID, list[Recipient]] = {id: [] for id in ids}
    votes: dict[UUID, list[Vote]] = {id: [] for id in ids}
    for person in await recipient_queries.recipients_of(session, ids):
        people[person.approval_id].append(person)
    for vote in await policy_queries.votes_of(session, ids):
        votes[vote.approval_id].append(vote)
    return {
        approval.id: Standing(
            needed=approval.needed,
            needed_by=approval.needed_by or {},
            recipients=people[approval.id],
            votes=votes[approval.id],
        )
        for approval in approvals
    }


async def starters(session: Session, task_id: UUID, owner_id: UUID | None, run_id: UUID | None) -> frozenset[str]:
    """Canonical addresses of the task's owner, of whoever started its run, and of who has changed its payload since."""
    run = await runs.find_run(session, run_id, None) if run_id else None
    ids = {owner_id, run.owner_id if run else None} - {None}
    people = [await accounts.find_user(session, user_id) for user_id in ids if user_id]
    addresses = [person.email for person in people if person]
    addresses += await lists.editors_of(session, task_id)
    return frozenset(canonical_address(address) for address in addresses)
