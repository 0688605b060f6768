"""Taking the decision of a person. Every rule about who may decide what, and when, is enforced here."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.accounts import service as accounts
from holdgate.accounts.errors import AccessEnded
from holdgate.accounts.reach import access_of
from holdgate.approvals import forms, moving_on
from holdgate.approvals.errors import (
    AlreadyDecided,
    AlreadyVoted,
    ApprovalNotFound,
    NotAsked,
    PassedOn,
    QuestionChanged,
    QuestionExpired,
    SelfApproval,
)
from holdgate.approvals.models import Approval, Recipient, Vote
from holdgate.approvals.requests import proposing
from holdgate.approvals.rules import events, policy_queries, queries, recipient_queries, upload_queries
from holdgate.approvals.rules.access import answered_by_owner, asked_by_link, check_person
from holdgate.approvals.rules.tally import Standing, standing_of
from holdgate.approvals.rules.visibility import visible
from holdgate.approvals.states import ApprovalState, ApprovalVerb, HoldType
from holdgate.approvals.values import Decision, choices_of, fields_of
from holdgate.core.db import Session, WriteSession
from holdgate.core.errors import Invalid
from holdgate.core.ids import uuid7
from holdgate.core.principal import Principal
from holdgate.core.text.addresses import canonical_address
from holdgate.tasks.queue import moves as tasks
from holdgate.tasks.states import TaskVerb

WHY = {
    ApprovalVerb.REJECT: ("Enter a reason for rejecting.", {"reason": "Enter a reason for rejecting."}),
    ApprovalVerb.REQUEST_CHANGES: ("Describe what needs to change.", {"reason": "Describe what needs to change."}),
}


async def decide_by_link(
    session: WriteSession,
    token_hash: bytes,
    decision: Decision,
    *,
    source: str,
    holder: Principal | None = None,
    now: datetime | None = None,
) -> Approval:
    """The holder of a personal link decides. Raises as `asked_by_link` and `_decide` do."""
    approval, person = await asked_by_link(session, token_hash, holder)
    taken = await _take(session, approval.id, person.email, now)
    return await _decide(session, taken, decision, by=person.email, source=f"link, {source}", now=now)


async def decide_signed_in(
    session: WriteSession,
    by: Principal,
    approval_id: UUID,
    decision: Decision,
    *,
    source: str,
    undo: timedelta = timedelta(),
    now: datetime | None = None,
) -> Approval:
    """A signed-in person decides: one of those asked, the owner where others were not named to answer, or an admin.

    Args:
        undo: how long an approved task waits at least, so that the approval can be undone.
    """
    taken = await _take(session, approval_id, by.email, now, visible(by))
    _check_decider(taken.approval, taken.people, by)
    return await _decide(session, taken, decision, by=by.email, source=f"signed in, {source}", undo=undo, now=now)


async def decidable(session: Session, by: Principal, approval_id: UUID) -> Approval:
    """What a signed-in person may decide, whatever its state. Raises ApprovalNotFound, NotAsked, SignInNeeded."""
    approval = await session.get(Approval, approval_id)
    if approval is None:
        raise ApprovalNotFound
    _check_decider(approval, await recipient_queries.recipients_of(session, [approval_id]), by)
    return approval


def _check_decider(approval: Approval, people: Sequence[Recipient], by: Principal) -> None:
    asked = any(person.email.lower() == by.email.lower() for person in people)
    owns = approval.owner_id == by.id
    if not (asked or owns or by.is_admin):
        raise ApprovalNotFound
    if not (asked or by.is_admin or (owns and answered_by_owner(approval))):
        raise NotAsked
    if not asked and approval.needed_by:
        raise NotAsked(f"People of {', '.join(approval.needed_by)} decide this, each for their group.")
    check_person(approval, by)


class _Taken(NamedTuple):
    """A request, locked with its task. `open`: it can be decided. `disabled`: who wants to decide it is."""

    approval: Approval
    open: bool
    people: Sequence[Recipient]
    disabled: bool


async def _take(
    session: WriteSession,
    approval_id: UUID,
    email: str,
    now: datetime | None,
    which: ColumnElement[bool] = policy_queries.EVERY,
) -> _Taken:
    """The request first: whom it asks may be another once its lock is had. `which` they may see at all: no other is
    locked. Raises ApprovalNotFound."""
    taken = await policy_queries.take(session, approval_id, which, now=now)
    if taken is None:
        raise ApprovalNotFound
    people, known = await recipient_queries.recipients_with(session, approval_id, access_of(email))
    if not people:
        return _Taken(*taken, people, bool(await accounts.disabled_among(session, [email], lock=True)))
    return _Taken(*taken, people, accounts.is_disabled(email, known or {}))


async def _decide(
    session: WriteSession,
    taken: _Taken,
    decision: Decision,
    *,
    by: str,
    source: str,
    undo: timedelta = timedelta(),
    now: datetime | None,
) -> Approval:
    """Count one person's decision; when it settles the question, close that and move its task, together.

    Returns:
        The question: still pending when more people have to agree.

    Raises:
        Invalid: the verb does not fit the question, or answers are missing.
        AlreadyDecided, AlreadyVoted, QuestionExpired, QuestionChanged: nothing was changed.
        SelfApproval, PassedOn, AccessEnded: not this person.
    """
    current = taken.approval
    verb = _verb(current, decision)
    option = decision.option if verb in (ApprovalVerb.APPROVE, ApprovalVerb.REJECT) else None
    reason = decision.reason.strip()[:2000] or None
    answer: dict[str, Any] | None = None
    if verb in (ApprovalVerb.APPROVE, ApprovalVerb.ANSWER):
        answer = await _answer(session, current, decision, by)
    elif reason is None and option is None:
        raise Invalid(*WHY[verb])
    if taken.disabled:
        raise AccessEnded
    if not taken.open or current.version != decision.version:
        _refuse(current, decision.version)
        raise QuestionExpired
    # Who is disabled matters only where several must agree.
    standing = await standing_of(session, current, access=current.needed > 1, recipients=taken.people)
    check_may_vote(standing, by)
    if answer is not None and await proposing.propose(session, current, standing, answer, by=by, now=now):
        standing = msgspec.structs.replace(standing, votes=standing.rejected)
    vote = {"verb": verb.value, "reason": reason, "answer": answer, "option": option, "source": source}
    stored, along = await _vote(session, current, by, vote, now)
    # The task is locked, so nobody else has voted since.
    settled = _settled(msgspec.structs.replace(standing, votes=[*standing.votes, stored]), verb)
    if settled is None:
        return current
    votes, verb = settled
    told = _reasons(votes)
    waits = max(current.take_back, undo) if verb is ApprovalVerb.APPROVE else current.take_back
    moving = moving_on.moving_of(current, TaskVerb(verb.value), told, waits, now)
    async with tasks.unusual(session, moving):
        decided, moved = await queries.decide(
            session,
            current.id,
            verb,
            version=current.version,
            by=", ".join(one.email for one in votes),
            source=source,
            reason=told,
            answer=votes[-1].answer,
            option=votes[-1].option,
            take_back=waits,
            moving=moving,
            along=along,
            now=now,
        )
    assert decided is not None, "the task is locked, so its open question cannot have changed"
    await moving_on.announce(session, moving, moved, now)
    return decided


def _verb(approval: Approval, decision: Decision) -> ApprovalVerb:
    """Raises Invalid: it was not offered."""
    if approval.hold == HoldType.APPROVAL:
        return choices_of(approval).verb_of(decision.verb, decision.option)
    if decision.verb is not ApprovalVerb.ANSWER:
        raise Invalid("Choose a decision.", {"decision": "Choose a decision."})
    return decision.verb


async def _answer(session: AsyncSession, approval: Approval, decision: Decision, by: str) -> dict[str, Any]:
    """The form as it was left; several leave it as it is shown by sending none."""
    if decision.form is None and approval.needed > 1:
        return proposing.as_proposed(approval)
    files = await upload_queries.uploads_of(session, approval, by)
    return forms.read(fields_of(approval), decision.form or {}, files)


def check_may_vote(standing: Standing, email: str) -> None:
    """Raises SelfApproval, AlreadyVoted, PassedOn."""
    if standing.bars(email):
        raise SelfApproval
    vote = standing.vote_of(email)
    if vote is not None:
        raise AlreadyVoted(vote.verb, vote.at)
    recipient = standing.recipient(email)
    successor = standing.passed_on_to(recipient) if recipient else None
    if successor is not None:
        raise PassedOn(successor.email)


async def _vote(
    session: WriteSession, approval: Approval, by: str, vote: dict[str, Any], now: datetime | None
) -> tuple[Vote, Sequence[Insert]]:
    """The vote, and what is still to be written of it: all, where it decides alone, by the statement that decides."""
    known = {"id": uuid7(), "approval_id": approval.id, "person": canonical_address(by), "email": by}
    data = {name: vote[name] for name in ("option", "reason") if vote[name]}
    event = events.line(approval.id, vote["verb"], by, data=data, now=now)
    values = {**known, "version": approval.version, **vote}
    voting = policy_queries.voting(values, now=now)
    if approval.needed == 1:
        return Vote(**values), (voting, event)
    stored = await policy_queries.insert_vote(session, voting, event)
    assert stored is not None, "checked under the lock of the task"
    return stored, ()


def _settled(standing: Standing, verb: ApprovalVerb) -> tuple[list[Vote], ApprovalVerb] | None:
    """The votes that settle the question and how, or None while it stays open.

    Any one decides alone. Of several, enough must approve, and it ends as soon as that can no longer be, or as one of
    them wants something else to be shown.
    """
    if verb is ApprovalVerb.REQUEST_CHANGES:
        return [vote for vote in standing.votes if vote.verb == verb], verb
    if standing.needed == 1:
        return list(standing.votes), verb
    if standing.lacking == 0:
        return standing.approved, ApprovalVerb.APPROVE
    if standing.out_of_reach and standing.rejected:
        return standing.rejected, ApprovalVerb.REJECT
    return None


def _reasons(votes: Sequence[Vote]) -> str | None:
    given = [vote for vote in votes if vote.reason]
    if len(given) == 1:
        return given[0].reason
    return "\n".join(f"{vote.email}: {vote.reason}" for vote in given)[:4000] or None


async def refuse(session: AsyncSession, approval_id: UUID, version: str) -> None:
    """Say why a decision did not count."""
    current = await session.get(Approval, approval_id, populate_existing=True)
    if current is None:
        raise ApprovalNotFound
    _refuse(current, version)


def _refuse(current: Approval, version: str) -> None:
    if current.state == ApprovalState.EXPIRED:
        raise QuestionExpired
    if current.state != ApprovalState.PENDING:
        assert current.decided_at is not None
        raise AlreadyDecided(current.state, current.decided_by or "system", current.decided_at)
    if current.version != version:
        raise QuestionChanged
