"""Orphans (queued, yet no living worker serves their queue and kind) and stuck tasks (running far too long)."""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import ColumnElement, case, func, literal, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import WriteSession
from holdgate.stats import counts as stats
from holdgate.tasks.kinds import all_kinds
from holdgate.tasks.models import Task
from holdgate.tasks.queue import moves
from holdgate.tasks.queue.models import Orphan
from holdgate.tasks.queue.moves import MovedTask
from holdgate.tasks.search import lists
from holdgate.tasks.search.lists import LivingWorker
from holdgate.tasks.states import TaskState, TaskVerb

SHOWN_AS_STUCK = timedelta(hours=1)  # when no time is set after which they are buried


class OrphanLine(msgspec.Struct, frozen=True):
    """So many tasks of this queue and kind wait for a worker that does not exist."""

    queue: str
    kind: str
    n: int


def orphans(counts: stats.CountsByKind, workers: list[LivingWorker]) -> list[OrphanLine]:
    """Which of the queued tasks nobody serves. A worker of an older release names no kinds: it may know any."""
    alive = [item.worker for item in workers if item.state != "lost"]
    found = []
    for (queue, kind), states in sorted(counts.items()):
        n = states.get(TaskState.QUEUED, 0)
        if n and not any(queue in each.queues and (each.kinds is None or kind in each.kinds) for each in alive):
            found.append(OrphanLine(queue, kind, n))
    return found


_FORGET = text(
    """
    DELETE FROM orphans o WHERE NOT EXISTS (
      SELECT FROM unnest(CAST(:queues AS text[]), CAST(:kinds AS text[])) AS n(queue, kind)
      WHERE n.queue = o.queue AND n.kind = o.kind)
    """
)
_NOTE = text(
    """
    INSERT INTO orphans (queue, kind, since)
    SELECT queue, kind, coalesce(CAST(:now AS timestamptz), now())
    FROM unnest(CAST(:queues AS text[]), CAST(:kinds AS text[])) AS n(queue, kind)
    ON CONFLICT DO NOTHING
    """
)


async def note_orphans(session: WriteSession, *, now: datetime | None = None) -> None:
    """Remember since when which queue and kind has been seen without a worker: a deploy's gap is none."""
    found = orphans(await stats.counts_by_kind(session), await lists.list_workers(session))
    values = {"queues": [line.queue for line in found], "kinds": [line.kind for line in found]}
    await session.execute(_FORGET, values)
    await session.execute(_NOTE, {**values, "now": now})


async def bury_orphans(
    session: WriteSession, after: timedelta, *, limit: int = 1000, now: datetime | None = None
) -> list[MovedTask]:
    """Bury queued tasks whose queue and kind nobody has served for `after`, and that have waited as long themselves."""
    at = _at(now)
    long_ago = await session.execute(select(Orphan.queue, Orphan.kind).where(Orphan.since <= at - after))
    moved: list[MovedTask] = []
    for queue, kind in long_ago.all():
        moved += await moves.move_tasks(
            session,
            TaskVerb.BURY,
            (Task.state == TaskState.QUEUED)
            & (Task.queue == queue)
            & (Task.kind == kind)
            & (Task.queued_at <= at - after),
            reason=f"No worker served {kind} in the queue {queue} for {_minutes(after)}.",
            error="Orphaned",
            limit=limit,
            skip_locked=True,
            now=now,
        )
    return moved


async def bury_stuck(
    session: WriteSession, after: timedelta, *, limit: int = 1000, now: datetime | None = None
) -> list[MovedTask]:
    """Bury tasks that one attempt has been running for `after` and for longer than their kind allows, though its lease
    is alive. Its worker drops it."""
    return await moves.move_tasks(
        session,
        TaskVerb.BURY,
        _stuck(after, now),
        reason=f"It was running for more than {_minutes(after)}.",
        error="Stuck",
        limit=limit,
        skip_locked=True,
        now=now,
    )


async def count_stuck(session: AsyncSession, after: timedelta | None) -> int:
    """How many tasks have been running for `after` (an hour when there is no limit). One look at what runs."""
    query = select(func.count()).select_from(Task).where(_stuck(after or SHOWN_AS_STUCK, None))
    return (await session.execute(query)).scalar_one()


def _stuck(after: timedelta, now: datetime | None) -> ColumnElement[bool]:
    # A kind that may take longer is given its time. One that is not known here is seen to by a worker that runs it.
    known = {kind.name: max(after, kind.timeout) for kind in all_kinds()}
    allowed = case(known, value=Task.kind, else_=after) if known else literal(after)
    return (Task.state == TaskState.RUNNING) & Task.kind.in_(known) & (Task.claimed_at <= _at(now) - allowed)


def _at(now: datetime | None) -> ColumnElement[datetime]:
    return func.now() if now is None else literal(now, Task.claimed_at.type)


def _minutes(after: timedelta) -> str:
    n = round(after.total_seconds() / 60)
    return "1 minute" if n == 1 else f"{n} minutes"
