"""Queues: what people tell them, and how they stand."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import msgspec
from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import WriteSession
from holdgate.core.errors import NotFound
from holdgate.core.principal import Principal
from holdgate.core.settings.types import QUEUE_NAME
from holdgate.tasks.queue.models import Queue, QueueEvent
from holdgate.tasks.search.lists import LivingWorker
from holdgate.tasks.states import HOLDS, TaskState


class QueueVerb(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"


class QueueLine(msgspec.Struct, frozen=True, kw_only=True):
    """A queue: how much is ready, running, for later or with people (`held`), how long the oldest one waits.

    Living workers that serve it: how many, and how many of its tasks they run at once together (`slots`).
    """

    name: str
    ready: int
    running: int
    later: int
    oldest: timedelta | None
    held: int = 0
    slots: int = 0
    workers: int = 0
    paused_at: datetime | None = None
    paused_by: str | None = None


async def act(session: WriteSession, by: Principal, name: str, verb: QueueVerb) -> bool:
    """Pause or resume. What runs goes on; nothing of a paused queue is claimed. False: it was so already.

    Raises:
        NotFound: it can’t be a queue name.
    """
    if not QUEUE_NAME.fullmatch(name):
        raise NotFound("No such queue.")
    if verb is QueueVerb.PAUSE:
        paused = insert(Queue).values(name=name, paused_at=func.now(), paused_by=by.email)
        changed = await session.execute(
            paused.on_conflict_do_update(
                index_elements=[Queue.name],
                set_={"paused_at": paused.excluded.paused_at, "paused_by": paused.excluded.paused_by},
                where=Queue.paused_at.is_(None),
            ).returning(Queue.name)
        )
        return changed.first() is not None
    changed = await session.execute(
        update(Queue)
        .where(Queue.name == name, Queue.paused_at.is_not(None))
        .values(paused_at=None, paused_by=None)
        .returning(Queue.name)
        .execution_options(synchronize_session=False)
    )
    session.announce(f"queue:{name}")
    return changed.first() is not None


class _Told(NamedTuple):
    """Of one queue: how long its oldest ready task waits, and who has paused it."""

    oldest: timedelta | None
    paused_at: datetime | None
    paused_by: str | None


# One index look-up a queue: of the names given, and of those that are paused.
_TOLD = text(
    """
    SELECT n.name, now() - t.queued_at, q.paused_at, q.paused_by
    FROM (SELECT unnest(CAST(:names AS text[])) UNION SELECT name FROM queues WHERE paused_at IS NOT NULL) AS n(name)
    LEFT JOIN queues q ON q.name = n.name
    LEFT JOIN LATERAL (SELECT queued_at FROM tasks WHERE state = 'queued' AND queue = n.name
                       ORDER BY queued_at LIMIT 1) AS t ON true
    ORDER BY n.name
    """
)


async def standing(
    session: AsyncSession, counts: dict[str, dict[str, int]], workers: list[LivingWorker]
) -> list[QueueLine]:
    """Every queue that has tasks (`counts`: queue → state → how many), is paused or is served, by name."""
    served = {name for item in workers if item.state != "lost" for name in item.worker.queues}
    rows = await session.execute(_TOLD, {"names": [*{*counts, *served}]})
    told = {row[0]: _Told(*row[1:]) for row in rows}
    lines = []
    for name, queue in told.items():
        states = counts.get(name, {})
        serving = [
            each.worker.queues[name] for each in workers if each.state == "online" and name in each.worker.queues
        ]
        lines.append(
            QueueLine(
                name=name,
                ready=states.get(TaskState.QUEUED, 0),
                running=states.get(TaskState.RUNNING, 0),
                later=states.get(TaskState.SCHEDULED, 0) + states.get(TaskState.RETRYING, 0),
                oldest=queue.oldest,
                held=sum(states.get(state, 0) for state in HOLDS),
                slots=sum(serving),
                workers=len(serving),
                paused_at=queue.paused_at,
                paused_by=queue.paused_by,
            )
        )
    return lines


# The names of queues that have queued tasks, a look-up each.
_OLDEST = text(
    """
    WITH RECURSIVE names AS (
      (SELECT queue FROM tasks WHERE state = 'queued' ORDER BY queue LIMIT 1)
      UNION ALL
      SELECT (SELECT queue FROM tasks WHERE state = 'queued' AND queue > n.queue ORDER BY queue LIMIT 1)
      FROM names n WHERE n.queue IS NOT NULL)
    SELECT n.queue, coalesce(CAST(:now AS timestamptz), now()) - t.queued_at
    FROM names n
    CROSS JOIN LATERAL (SELECT queued_at FROM tasks WHERE state = 'queued' AND queue = n.queue
                        ORDER BY queued_at LIMIT 1) AS t
    """
)


async def oldest_waits(session: AsyncSession, *, now: datetime | None = None) -> dict[str, timedelta]:
    """Queue → how long its oldest queued task has waited, of those that have any."""
    return {name: wait for name, wait in await session.execute(_OLDEST, {"now": now})}


async def latest_events(session: AsyncSession, limit: int = 20) -> list[QueueEvent]:
    """Who paused and resumed what, newest first."""
    return list((await session.execute(select(QueueEvent).order_by(QueueEvent.id.desc()).limit(limit))).scalars())
