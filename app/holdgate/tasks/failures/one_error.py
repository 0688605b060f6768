"""One error, whatever the kind: how many tasks have it now, the newest of them, and the runs that they belong to."""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.tasks.models import Task
from holdgate.tasks.search.conditions import of_errors
from holdgate.tasks.search.lists import mine
from holdgate.tasks.states import TaskState

MOST_RUNS = 20


class ErrorNow(msgspec.Struct, frozen=True, kw_only=True):
    """`failed` are open, `resolved` by hand, `retrying` tried again; `newest` has it now. `runs`: how many of each."""

    failed: int
    retrying: int
    resolved: int
    first_at: datetime | None
    newest: Task | None
    runs: list[tuple[UUID, int]]


async def error_now(session: AsyncSession, digest: str, scope: UUID | None) -> ErrorNow:
    """`scope`: whose; None is everybody's."""
    which = (of_errors(digest), mine(scope))
    dead = Task.state == TaskState.DEAD_LETTER
    open_ = dead & Task.resolved_at.is_(None)
    counted = await session.execute(
        select(
            func.count().filter(open_),
            func.count().filter(Task.state == TaskState.RETRYING),
            func.count().filter(dead & Task.resolved_at.is_not(None)),
            func.min(Task.finished_at).filter(open_),
        ).where(*which)
    )
    failed, retrying, resolved, first_at = counted.one()
    newest = await session.execute(select(Task).where(*which).order_by(Task.id.desc()).limit(1))
    runs = await session.execute(
        select(Task.run_id, func.count())
        .where(*which, open_, Task.run_id.is_not(None))
        .group_by(Task.run_id)
        .order_by(func.count().desc(), Task.run_id)
        .limit(MOST_RUNS)
    )
    return ErrorNow(
        failed=failed,
        retrying=retrying,
        resolved=resolved,
        first_at=first_at,
        newest=newest.scalars().first(),
        runs=[(run_id, n) for run_id, n in runs if run_id],
    )
