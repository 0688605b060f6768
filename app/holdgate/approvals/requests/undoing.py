"""Taking an approval back while its task still waits for that: the question is open again, as if nobody had decided."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.accounts import service as accounts
from holdgate.approvals.errors import ApprovalNotFound, NotAsked, TooLateToTakeBack
from holdgate.approvals.models import Approval
from holdgate.approvals.requests import clock
from holdgate.approvals.rules import clock_queries, events, queries, recipient_queries
from holdgate.approvals.rules.access import asked_by_link, check_person
from holdgate.core.db import WriteSession
from holdgate.core.principal import Principal
from holdgate.core.text.addresses import canonical_address
from holdgate.tasks.models import Task
from holdgate.tasks.queue import moves as tasks
from holdgate.tasks.states import TaskVerb


async def offered(session: AsyncSession, approval: Approval, email: str, *, is_admin: bool = False) -> bool:
    """Whether a page offers it to this person: they may, and there is still time."""
    if approval.goes_on_at is None or not await queries.waits_until(session, approval.task_id, approval.goes_on_at):
        return False
    return await _may(session, approval, email, is_admin=is_admin)


async def _may(session: AsyncSession, approval: Approval, email: str, *, is_admin: bool) -> bool:
    """Whoever approved, alone or with others, and administrators."""
    return is_admin or canonical_address(email) in await queries.approvers(session, approval.id)


async def take_back_by_link(
    session: WriteSession, token_hash: bytes, *, holder: Principal | None = None, now: datetime | None = None
) -> Approval:
    """Raises as `asked_by_link` and `_take_back` do."""
    approval, person = await asked_by_link(session, token_hash, holder)
    return await _take_back(session, approval.id, person.email, is_admin=False, now=now)


async def take_back_signed_in(
    session: WriteSession, by: Principal, approval_id: UUID, *, now: datetime | None = None
) -> Approval:
    """Raises ApprovalNotFound for somebody who was neither asked nor owns the task, else as `_take_back` does."""
    approval = await session.get(Approval, approval_id)
    if approval is None or not await _concerns(session, approval, by):
        raise ApprovalNotFound
    check_person(approval, by)
    return await _take_back(session, approval_id, by.email, is_admin=by.is_admin, now=now)


async def _concerns(session: AsyncSession, approval: Approval, by: Principal) -> bool:
    people = await recipient_queries.recipients_of(session, [approval.id])
    return by.is_admin or approval.owner_id == by.id or any(p.email.lower() == by.email.lower() for p in people)


async def _take_back(
    session: WriteSession, approval_id: UUID, email: str, *, is_admin: bool, now: datetime | None
) -> Approval:
    """Open the question again and hold its task on it, together.

    Of several who approved, the others' votes stay; an administrator who takes it back withdraws them all.

    Raises:
        NotAsked: somebody else decided.
        TooLateToTakeBack: its time is over, or the task has gone on or ended; nothing was changed.
    """
    approval = await session.get_one(Approval, approval_id)
    await queries.lock_task(session, approval.task_id)
    await accounts.check_access(session, email)
    await session.refresh(approval)  # somebody may have taken it back, and decided anew, while we waited
    until = approval.goes_on_at
    if until is None:
        raise TooLateToTakeBack
    if not await _may(session, approval, email, is_admin=is_admin):
        raise NotAsked("Only the person who approved it can undo it.")
    taken = {"decided_by": approval.decided_by, "given": approval.reason}
    decided_at, ended_at = approval.decided_at, approval.expires_at
    reopened = await clock_queries.reopen(session, approval_id, now=now)
    if reopened is None:
        raise TooLateToTakeBack
    await queries.withdraw_votes(session, approval_id, canonical_address(email))
    await clock.go_on(session, reopened, decided_at, ended_at)
    await events.record(session, approval_id, "take_back", email, data=taken, now=now)
    # Only where this approval has put it: the clock of a test or an operator may have let it go on before its time.
    held = await tasks.move_tasks(
        session,
        TaskVerb.TAKE_BACK,
        (Task.id == approval.task_id) & (Task.run_at == until),
        reason=f"{email} took the approval back.",
        now=now,
    )
    if not held:
        raise TooLateToTakeBack
    return reopened.approval
