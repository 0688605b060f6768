"""Taking the decision of a person. Every rule about who may decide what, and when, is enforced here."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.approvals import forms, queries
from app.approvals.errors import AlreadyDecided, ApprovalNotFound, NotAsked, QuestionChanged, QuestionExpired
from app.approvals.models import Approval
from app.approvals.questions import Decision, fields_of
from app.approvals.states import ApprovalState, ApprovalVerb, HoldType
from app.core.db import WriteSession
from app.core.errors import Conflict, Invalid
from app.core.principal import Principal
from app.runs import service as runs
from app.tasks import queries as tasks
from app.tasks.models import Task
from app.tasks.service import announce_ready
from app.tasks.states import APPROVED_PRIORITY, RESUMED_PRIORITY, TaskState, TaskVerb


async def decide_by_link(
    session: WriteSession, token_hash: bytes, decision: Decision, *, source: str, now: datetime | None = None
) -> Approval:
    """The holder of a personal link decides. Raises as `_decide` does, and ApprovalNotFound for an unknown link."""
    asked = await queries.by_link(session, token_hash)
    if asked is None:
        raise ApprovalNotFound
    return await _decide(session, asked.approval, decision, by=asked.recipient.email, source=f"link, {source}", now=now)


async def decide_signed_in(
    session: WriteSession,
    by: Principal,
    approval_id: UUID,
    decision: Decision,
    *,
    source: str,
    now: datetime | None = None,
) -> Approval:
    """A signed-in person decides: one of those asked, the owner for input and sign-in, or an admin."""
    approval = await session.get(Approval, approval_id)
    if approval is None:
        raise ApprovalNotFound
    people = await queries.recipients_of(session, [approval_id])
    asked = any(person.email.lower() == by.email.lower() for person in people)
    owns = approval.owner_id == by.id
    if not (asked or owns or by.is_admin):
        raise ApprovalNotFound
    if not (asked or by.is_admin or (owns and approval.hold != HoldType.APPROVAL)):
        raise NotAsked
    return await _decide(session, approval, decision, by=by.email, source=f"signed in, {source}", now=now)


async def _decide(
    session: WriteSession, approval: Approval, decision: Decision, *, by: str, source: str, now: datetime | None
) -> Approval:
    """Close the question and move its task, together.

    Raises:
        Invalid: the verb does not fit the question, or answers are missing.
        AlreadyDecided, QuestionExpired, QuestionChanged: nothing was changed.
    """
    hold = HoldType(approval.hold)
    approving = (ApprovalVerb.APPROVE, ApprovalVerb.REJECT)
    if decision.verb not in (approving if hold is HoldType.APPROVAL else (ApprovalVerb.ANSWER,)):
        raise Invalid("Please choose one of the decisions offered.", {"decision": "Choose one."})
    reason = decision.reason.strip()[:2000] or None
    answer: dict[str, Any] | None = None
    if decision.verb is ApprovalVerb.REJECT:
        if reason is None:
            raise Invalid("Please say why you reject it.", {"reason": "A reason is needed to reject."})
    else:
        answer = forms.read(fields_of(approval), decision.form)
    await queries.lock_task(session, approval.task_id)
    decided = await queries.decide(
        session,
        approval.id,
        decision.verb,
        version=decision.version,
        by=by,
        source=source,
        reason=reason,
        answer=answer,
        now=now,
    )
    if decided is None:
        await refuse(session, approval.id, decision.version)
        raise QuestionExpired
    await _move_on(session, decided, TaskVerb(decision.verb.value), reason, now=now)
    return decided


async def refuse(session: AsyncSession, approval_id: UUID, version: str) -> None:
    """Say why a decision did not count."""
    current = await session.get(Approval, approval_id, populate_existing=True)
    if current is None:
        raise ApprovalNotFound
    if current.state == ApprovalState.EXPIRED:
        raise QuestionExpired
    if current.state != ApprovalState.PENDING:
        assert current.decided_at is not None
        raise AlreadyDecided(current.state, current.decided_by or "system", current.decided_at)
    if current.version != version:
        raise QuestionChanged


async def _move_on(
    session: WriteSession, approval: Approval, verb: TaskVerb, reason: str | None, *, now: datetime | None
) -> None:
    """Let the task go on, or end it, after its question was closed."""
    goes_on = (
        verb in (TaskVerb.APPROVE, TaskVerb.ANSWER)
        or (verb is TaskVerb.REJECT and approval.continues_on_reject)
        or (verb is TaskVerb.EXPIRE and approval.continues_on_expire)
    )
    ended = {TaskVerb.REJECT: TaskState.REJECTED, TaskVerb.EXPIRE: TaskState.EXPIRED}
    moved = await tasks.move_tasks(
        session,
        verb,
        Task.id == approval.task_id,
        to=TaskState.QUEUED if goes_on else ended[verb],
        reason=reason,
        priority=(RESUMED_PRIORITY if verb is TaskVerb.ANSWER else APPROVED_PRIORITY) if goes_on else None,
        now=now,
    )
    if not moved:
        raise Conflict("The task went on without this decision, so nothing was changed.")
    await runs.pause_stragglers(session, [row.id for row in moved])
    announce_ready(session, moved)


async def expire_due(session: WriteSession, *, now: datetime | None = None) -> int:
    """The sweeper's beat: questions whose time is over end their tasks, or let them go on without an answer."""
    expired = await queries.expire_due(session, now=now)
    for approval in expired:
        await _move_on(session, approval, TaskVerb.EXPIRE, "Nobody decided in time.", now=now)
    return len(expired)
