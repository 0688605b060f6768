"""Statements about approval requests. Lock order: the task first, then its approval."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Insert,
    ScalarSelect,
    and_,
    func,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from holdgate.approvals.models import Approval
from holdgate.approvals.states import APPROVAL_MACHINE, ApprovalState, ApprovalVerb
from holdgate.core.db import WriteSession
from holdgate.tasks.models import Task
from holdgate.tasks.queue.moves import Moving

_CHANGES = Approval.state == ApprovalState.CHANGES_REQUESTED


def at(now: datetime | None) -> ColumnElement[datetime]:
    """The statement's time: the database's, or a test's."""
    return func.now() if now is None else literal(now, Approval.created_at.type)


async def lock_task(session: WriteSession, task_id: UUID) -> None:
    """Take the task before its approval, as every statement does that moves a task and closes its question."""
    await session.execute(select(Task.id).where(Task.id == task_id).with_for_update(key_share=True))


async def latest_question(session: AsyncSession, task_id: UUID, step: str) -> Approval | None:
    """The newest question of a step, whatever became of it."""
    found = await session.execute(
        select(Approval)
        .where(Approval.task_id == task_id, Approval.step == step)
        .order_by(Approval.round.desc(), Approval.created_at.desc(), Approval.id.desc())
        .limit(1)
    )
    return found.scalars().first()


async def any_question(session: AsyncSession, task_id: UUID) -> bool:
    """Whether the task has asked for anything that still counts; with another payload it begins anew."""
    counts = (Approval.task_id == task_id, Approval.withdrawn_at.is_(None))
    return bool(await session.scalar(select(select(Approval.id).where(*counts).exists())))


async def changes_requested(session: AsyncSession, task_id: UUID, step: str) -> Sequence[Approval]:
    """Oldest first."""
    found = await session.execute(
        select(Approval)
        .where(Approval.task_id == task_id, Approval.step == step, _CHANGES)
        .where(Approval.withdrawn_at.is_(None))
        .order_by(Approval.created_at, Approval.id)
    )
    return found.scalars().all()


async def count_versions(session: AsyncSession, task_id: UUID, step: str, round: int) -> int:
    """How often a step has asked in this round: once for each version that nobody wanted changed."""
    of_step = (Approval.task_id == task_id, Approval.step == step, Approval.round == round, ~_CHANGES)
    return (await session.execute(select(func.count()).select_from(Approval).where(*of_step))).scalar_one()


_Earlier = aliased(Approval)


def id_before() -> ScalarSelect[UUID]:
    """The id of what the step of an approval asked last before it, to be joined to it; perhaps of the same version."""
    return (
        select(_Earlier.id)
        .where(
            _Earlier.task_id == Approval.task_id,
            _Earlier.step == Approval.step,
            _Earlier.created_at < Approval.created_at,
        )
        .order_by(_Earlier.created_at.desc(), _Earlier.id.desc())
        .limit(1)
        .correlate(Approval)
        .scalar_subquery()
    )


async def version_before(session: AsyncSession, approval: Approval) -> Approval | None:
    """What the same step asked last, if that was another version, or somebody wanted it changed."""
    before = aliased(Approval)
    found = await session.execute(
        select(before).join(Approval, before.id == id_before()).where(Approval.id == approval.id)
    )
    return another_version(approval, found.scalars().first())


def another_version(approval: Approval, before: Approval | None) -> Approval | None:
    if before is None:
        return None
    same = before.asked_version == approval.asked_version and before.state != ApprovalState.CHANGES_REQUESTED
    return None if same else before


async def decide(
    session: WriteSession,
    approval_id: UUID,
    verb: ApprovalVerb,
    *,
    version: str,
    by: str,
    source: str,
    reason: str | None,
    answer: dict[str, Any] | None,
    option: str | None,
    take_back: timedelta,
    moving: Moving,
    along: Sequence[Insert] = (),
    now: datetime | None = None,
) -> tuple[Approval | None, Sequence[Any]]:
    """The one UPDATE that decides, and the move of its task, as one statement. Returns also what that has moved.

    None: it is not pending, its time is over, or another version was shown. Then the transaction must not commit.

    Args:
        take_back: how long the approval can be undone.
        along: what is written besides.
    """
    decided = (
        update(Approval)
        .where(
            Approval.id == approval_id,
            Approval.state.in_(APPROVAL_MACHINE.sources(verb)),
            Approval.version == version,
            or_(Approval.expires_at.is_(None), Approval.expires_at > at(now)),
        )
        .values(
            state=APPROVAL_MACHINE.moves[verb].targets[0].value,
            decided_at=at(now),
            decided_by=by,
            decided_from=source,
            reason=reason,
            answer=answer,
            option=option,
            take_back=take_back,
        )
        .returning(*Approval.__table__.c)
        .cte("decided")
    )
    moved = moving.statement.cte("moved")
    approval = aliased(Approval, decided)
    rows = await session.execute(
        select(approval, moved.c.id, moved.c.queue, moved.c.state, moved.c.run_id)
        .select_from(approval)
        .outerjoin(moved, true())
        .add_cte(*(each.cte(f"along{number}") for number, each in enumerate(along)))
        .execution_options(populate_existing=True)
    )
    found = rows.all()
    return (found[0][0] if found else None), [row[1:] for row in found if row[1] is not None]


async def is_to_come(session: AsyncSession, moment: datetime) -> bool:
    """By the database's clock."""
    return bool(await session.scalar(select(literal(moment, Approval.created_at.type) > func.now())))


async def lock_due(session: WriteSession, *, limit: int = 100, now: datetime | None = None) -> list[UUID]:
    """The tasks of requests whose time is over, locked; those are left out of which somebody is deciding."""
    due = (
        select(Approval.task_id)
        .where(Approval.state == ApprovalState.PENDING, Approval.expires_at <= at(now))
        .order_by(Approval.expires_at)
        .limit(limit)
    )
    locked = await session.execute(
        select(Task.id).where(Task.id.in_(due)).order_by(Task.id).with_for_update(key_share=True, skip_locked=True)
    )
    return list(locked.scalars())


async def to_escalate(session: WriteSession, tasks: list[UUID], *, now: datetime | None = None) -> list[Approval]:
    """Of the requests of these tasks whose time is over, those that go on with another group."""
    found = await session.execute(
        select(Approval).where(_over(tasks, now), Approval.escalates_to.is_not(None), Approval.escalated_at.is_(None))
    )
    return list(found.scalars())


async def expire(session: WriteSession, tasks: list[UUID], *, now: datetime | None = None) -> list[Approval]:
    """Close the requests of these tasks whose time is over."""
    rows = await session.execute(
        update(Approval)
        .where(_over(tasks, now))
        .values(state=ApprovalState.EXPIRED.value, decided_at=at(now), decided_by="system")
        .returning(Approval)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return list(rows.scalars())


def _over(tasks: list[UUID], now: datetime | None) -> ColumnElement[bool]:
    return and_(Approval.task_id.in_(tasks), Approval.state == ApprovalState.PENDING, Approval.expires_at <= at(now))
