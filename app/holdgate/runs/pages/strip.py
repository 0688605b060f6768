"""The tasks of a run by time, as a picture drawn on the server: a line for each, from its start to its end."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.tasks.models import Task
from holdgate.web.charts import scale_of

MOST_TASKS = 500  # of a run that is drawn; a larger one would be a surface
MOST_LANES = 40
NARROWEST = 0.4  # per cent: what took no time is seen, too


class StripTask(msgspec.Struct, frozen=True, kw_only=True):
    """`left` and `width` in per cent of the strip, `lane` from the top. `took`: until its end, or until now."""

    id: UUID
    title: str
    state: str
    lane: int
    left: float
    width: float
    took: timedelta


class Strip(msgspec.Struct, frozen=True, kw_only=True):
    """`ticks`: where, in per cent, and how long after the beginning. `lanes`: its height, in tasks."""

    tasks: list[StripTask]
    lanes: int
    ticks: list[tuple[float, str]]


class StartedTask(msgspec.Struct, frozen=True):
    """A task that has begun."""

    id: UUID
    title: str
    state: str
    started_at: datetime
    finished_at: datetime | None


async def started_tasks(session: AsyncSession, run_id: UUID) -> list[StartedTask]:
    """The first of them, by their start."""
    wanted = (Task.id, Task.title, Task.kind, Task.state, Task.resolved_at, Task.started_at, Task.finished_at)
    query = select(*wanted).where(Task.run_id == run_id, Task.started_at.is_not(None))
    rows = await session.execute(query.order_by(Task.started_at, Task.id).limit(MOST_TASKS))
    return [
        StartedTask(
            row.id, row.title or row.kind, "resolved" if row.resolved_at else row.state, row.started_at, row.finished_at
        )
        for row in rows
        if row.started_at is not None
    ]


def strip_of(tasks: Sequence[StartedTask], begin: datetime, now: datetime) -> Strip:
    """Args:
    tasks: by their start.
    now: until when a task lasts that has not ended.
    """
    end = max((task.finished_at or now for task in tasks), default=now)
    whole = max((end - begin) / timedelta(seconds=1), 0.001)
    scale = scale_of([whole], "seconds")
    free: list[datetime] = []  # from when on each lane is
    drawn = []
    for task in tasks:
        until = task.finished_at or now
        lane = next((n for n, at in enumerate(free) if at <= task.started_at), len(free))
        if lane == len(free) and lane < MOST_LANES:
            free.append(until)
        lane = min(lane, MOST_LANES - 1)
        free[lane] = max(until, free[lane])
        left = (task.started_at - begin) / timedelta(seconds=1) / whole * 100
        took = until - task.started_at
        width = took / timedelta(seconds=1) / whole * 100
        drawn.append(
            StripTask(
                id=task.id,
                title=task.title,
                state=task.state,
                lane=lane,
                left=min(max(left, 0), 100 - NARROWEST),
                width=max(min(width, 100 - left), NARROWEST),
                took=took,
            )
        )
    ticks = [(seconds / whole * 100, words) for seconds, words in scale.ticks if seconds <= whole]
    return Strip(tasks=drawn, lanes=max(len(free), 1), ticks=ticks)
