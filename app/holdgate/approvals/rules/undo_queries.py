"""Statements about decisions that can be undone: which, by whom, and whose votes go with them."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, case, delete, exists, func, literal, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.approvals.models import Approval, Vote
from holdgate.approvals.states import ApprovalState, ApprovalVerb
from holdgate.core.db import WriteSession
from holdgate.tasks.models import Task
from holdgate.tasks.states import TASK_MACHINE, TaskState, TaskVerb


async def waits_until(session: AsyncSession, task_id: UUID, until: datetime) -> bool:
    """Whether an approved task still waits for its time, which is to come."""
    waits = (Task.id == task_id) & (Task.run_at == until) & (Task.run_at > func.now())
    found = await session.execute(
        select(Task.id).where(waits, Task.state.in_(TASK_MACHINE.sources(TaskVerb.TAKE_BACK)))
    )
    return found.first() is not None


class Undoable(NamedTuple):
    """A decision that can be undone, until then."""

    id: UUID
    title: str
    state: str
    until: datetime


async def undoable(
    session: AsyncSession, ids: Collection[UUID], person: str | None, window: timedelta
) -> list[Undoable]:
    """Of these requests those whose decision can be undone by this person (canonical address), whose it is; None: by
    anybody. Its task is as the decision left it; `window`: how long a rejection can be undone. Requests of programs
    can't after a rejection, of which they have been told."""
    lasts = literal(window, Approval.take_back.type)
    until = Approval.decided_at + case((Approval.state == ApprovalState.REJECTED, lasts), else_=Approval.take_back)
    waits = (Task.run_at == until) & Task.state.in_(TASK_MACHINE.sources(TaskVerb.TAKE_BACK))
    ended = (Task.finished_at == Approval.decided_at) & (Task.state == TaskState.REJECTED)
    verb = case((Approval.state == ApprovalState.REJECTED, "reject"), else_="approve")
    voted = exists().where(Vote.approval_id == Approval.id, Vote.verb == verb, Vote.person == person)
    found = await session.execute(
        select(Approval.id, Approval.title, Approval.state, until)
        .join(Task, Task.id == Approval.task_id)
        .where(
            Approval.id.in_(ids),
            or_(
                (Approval.state == ApprovalState.APPROVED) & waits,
                (Approval.state == ApprovalState.REJECTED) & ended & Approval.asker_id.is_(None),
            ),
            until > func.now(),
            true() if person is None else voted,
        )
        .order_by(Approval.decided_at, Approval.id)
    )
    return [Undoable(id, title, state, end) for id, title, state, end in found if end]


async def deciders(session: AsyncSession, approval: Approval) -> set[str]:
    """Whose votes made it what it is, approved or rejected, by their canonical addresses."""
    return set((await session.execute(select(Vote.person).where(_deciding(approval.id, approval.state)))).scalars())


async def withdraw_votes(session: WriteSession, approval_id: UUID, state: str, person: str) -> None:
    """The vote by which this person made it that; everybody's when there is none."""
    own = _deciding(approval_id, state) & (Vote.person == person)
    if (await session.execute(delete(Vote).where(own).returning(Vote.id))).first() is None:
        await session.execute(delete(Vote).where(Vote.approval_id == approval_id))


def _deciding(approval_id: UUID, state: str) -> ColumnElement[bool]:
    verb = ApprovalVerb.REJECT if state == ApprovalState.REJECTED else ApprovalVerb.APPROVE
    return (Vote.approval_id == approval_id) & (Vote.verb == verb.value)
