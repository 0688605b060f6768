"""Taking a decision back: an approval while its task still waits for that, a rejection made in the inbox a moment ago.
The question is open again, as if nobody had decided."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.accounts import service as accounts
from holdgate.approvals.errors import ApprovalNotFound, NotAsked, TooLateToTakeBack
from holdgate.approvals.models import Approval
from holdgate.approvals.requests import clock
from holdgate.approvals.rules import clock_queries, events, queries, recipient_queries, undo_queries
from holdgate.approvals.rules.access import asked_by_link, check_person
from holdgate.approvals.rules.visibility import visible
from holdgate.approvals.states import APPROVAL_MACHINE, ApprovalState, ApprovalVerb
from holdgate.core.db import WriteSession
from holdgate.core.errors import AppError
from holdgate.core.principal import Principal
from holdgate.core.text.addresses import canonical_address
from holdgate.tasks.models import Task
from holdgate.tasks.queue import moves as tasks
from holdgate.tasks.queue.run_states import in_cancelled_run
from holdgate.tasks.states import TaskState, TaskVerb


async def offered(
    session: AsyncSession, approval: Approval, email: str, *, is_admin: bool = False, window: timedelta = timedelta()
) -> bool:
    """Whether a page offers it to this person: they may, and there is still time.

    Args:
        window: how long a rejection can be undone.
    """
    if approval.state not in APPROVAL_MACHINE.sources(ApprovalVerb.TAKE_BACK):
        return False
    person = None if is_admin else canonical_address(email)
    return bool(await undo_queries.undoable(session, [approval.id], person, window))


async def offered_among(
    session: AsyncSession, by: Principal, ids: Collection[UUID], window: timedelta
) -> list[undo_queries.Undoable]:
    """What this person can undo of their own decisions."""
    return await undo_queries.undoable(session, ids, canonical_address(by.email), window) if ids else []


def _until(approval: Approval, window: timedelta) -> datetime | None:
    if approval.state != ApprovalState.REJECTED or approval.decided_at is None:
        return approval.goes_on_at
    return approval.decided_at + window if window and approval.asker_id is None else None


async def _may(session: AsyncSession, approval: Approval, email: str, *, is_admin: bool) -> bool:
    """Whoever decided so, alone or with others, and administrators."""
    return is_admin or canonical_address(email) in await undo_queries.deciders(session, approval)


async def take_back_by_link(
    session: WriteSession, token_hash: bytes, *, holder: Principal | None = None, now: datetime | None = None
) -> Approval:
    """Raises as `asked_by_link` and `_take_back` do."""
    approval, person = await asked_by_link(session, token_hash, holder)
    return await _take_back(session, approval.id, person.email, is_admin=False, now=now)


async def take_back_signed_in(
    session: WriteSession,
    by: Principal,
    approval_id: UUID,
    *,
    window: timedelta = timedelta(),
    now: datetime | None = None,
) -> Approval:
    """Raises ApprovalNotFound for somebody who was neither asked nor owns the task, else as `_take_back` does."""
    approval = await session.get(Approval, approval_id)
    if approval is None or not await _concerns(session, approval, by):
        raise ApprovalNotFound
    check_person(approval, by)
    return await _take_back(session, approval_id, by.email, is_admin=by.is_admin, window=window, now=now)


async def take_back_each(
    session: WriteSession, by: Principal, ids: Sequence[UUID], *, window: timedelta = timedelta()
) -> list[str]:
    """Each in a savepoint of its own. Returns a sentence for every one that was refused."""
    theirs = select(Approval.task_id).where(Approval.id.in_(ids), visible(by)).order_by(Approval.task_id)
    for task_id in (await session.execute(theirs)).scalars():
        await queries.lock_task(session, task_id)
    problems = []
    for id in ids:
        try:
            async with session.begin_nested():
                await take_back_signed_in(session, by, id, window=window)
        except AppError as refusal:
            problems.append(str(refusal))
    return problems


async def _concerns(session: AsyncSession, approval: Approval, by: Principal) -> bool:
    people = await recipient_queries.recipients_of(session, [approval.id])
    return by.is_admin or approval.owner_id == by.id or any(p.email.lower() == by.email.lower() for p in people)


async def _take_back(
    session: WriteSession,
    approval_id: UUID,
    email: str,
    *,
    is_admin: bool,
    window: timedelta = timedelta(),
    now: datetime | None,
) -> Approval:
    """Open the question again and hold its task on it, together.

    Of several who decided so, the others' votes stay; an administrator who takes it back withdraws them all.

    Raises:
        NotAsked: somebody else decided.
        TooLateToTakeBack: its time is over, or the task has gone on or ended; nothing was changed.
    """
    approval = await session.get_one(Approval, approval_id)
    await queries.lock_task(session, approval.task_id)
    await accounts.check_access(session, email)
    await session.refresh(approval)  # somebody may have taken it back, and decided anew, while we waited
    until = _until(approval, window)
    if until is None or await in_cancelled_run(session, approval.task_id):
        raise TooLateToTakeBack
    if not await _may(session, approval, email, is_admin=is_admin):
        raise NotAsked("Only the person who decided it can undo it.")
    taken = {"decided_by": approval.decided_by, "given": approval.reason}
    decided_at, ended_at, state = approval.decided_at, approval.expires_at, approval.state
    reopened = await clock_queries.reopen(session, approval_id, window=window, now=now)
    if reopened is None:
        raise TooLateToTakeBack
    await undo_queries.withdraw_votes(session, approval_id, state, canonical_address(email))
    await clock.go_on(session, reopened, decided_at, ended_at)
    await events.record(session, approval_id, "take_back", email, data=taken, now=now)
    # Only where this decision has put it: the clock of a test or an operator may have let it go on before its time.
    rejected = (Task.state == TaskState.REJECTED) & (Task.finished_at == decided_at)
    held = await tasks.move_tasks(
        session,
        TaskVerb.TAKE_BACK,
        (Task.id == approval.task_id) & (rejected if state == ApprovalState.REJECTED else Task.run_at == until),
        reason=f"{email} took the {'rejection' if state == ApprovalState.REJECTED else 'approval'} back.",
        now=now,
    )
    if not held:
        raise TooLateToTakeBack
    return reopened.approval
