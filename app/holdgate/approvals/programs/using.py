"""Taking an approval for what was asked: whoever does it takes it first, and it can be taken once."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update

from holdgate.approvals.errors import ApprovalNotFound
from holdgate.approvals.models import Approval
from holdgate.approvals.programs.models import ProgramRequest
from holdgate.approvals.rules import events, queries
from holdgate.approvals.rules.access import owns
from holdgate.approvals.rules.queries import at
from holdgate.approvals.states import ApprovalState
from holdgate.core.db import WriteSession
from holdgate.core.errors import Conflict
from holdgate.core.principal import Principal
from holdgate.core.text.zones import clock_of


async def use(session: WriteSession, by: Principal, approval_id: UUID, *, now: datetime | None = None) -> datetime:
    """When it was taken: now. For the program that asked, and its person's others.

    Raises:
        ApprovalNotFound
        Conflict: it has been taken, or there is nothing to take: not approved, or not for good.
    """
    approval = await session.get(Approval, approval_id)
    if approval is None or approval.asker_id is None or not owns(approval, by):
        raise ApprovalNotFound
    await queries.lock_task(session, approval.task_id)  # as whoever undoes it does: one of the two comes first
    used_at = await _mark(session, approval_id, now)
    if used_at is None:
        raise Conflict(await _why_not(session, approval))
    await events.record(session, approval_id, "use", by.email, now=now)
    return used_at


async def _mark(session: WriteSession, approval_id: UUID, now: datetime | None) -> datetime | None:
    """The one UPDATE that takes it. None: it was not there to be taken."""
    found = await session.execute(
        update(ProgramRequest)
        .where(
            ProgramRequest.task_id == Approval.task_id,
            ProgramRequest.used_at.is_(None),
            Approval.id == approval_id,
            Approval.state == ApprovalState.APPROVED,
            Approval.withdrawn_at.is_(None),
            Approval.decided_at + Approval.take_back <= at(now),
        )
        .values(used_at=at(now))
        .returning(ProgramRequest.used_at)
        .execution_options(synchronize_session=False)
    )
    return found.scalar_one_or_none()


async def _why_not(session: WriteSession, approval: Approval) -> str:
    used_at = await session.scalar(select(ProgramRequest.used_at).where(ProgramRequest.task_id == approval.task_id))
    if used_at is not None:
        return f"This approval was used at {clock_of(used_at)}: what it is for has been done, or begun. Ask again."
    await session.refresh(approval)
    if approval.state != ApprovalState.APPROVED:
        return f"The state of this request is {approval.state}, so it can’t be used."
    if approval.withdrawn_at is not None:
        return "What was approved has changed since, so this approval no longer counts. Ask again."
    return "This approval can still be undone. Wait until it is final."
