"""Queues: what people tell them, and how they stand."""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import QUEUE_NAME
from app.core.db import WriteSession
from app.core.errors import NotFound
from app.core.principal import Principal
from app.tasks import reads
from app.tasks.models import Queue, QueueEvent
from app.tasks.reads import LivingWorker
from app.tasks.states import HOLDS, TaskState


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
        NotFound: it cannot be a queue's name.
    """
    if not QUEUE_NAME.fullmatch(name):
        raise NotFound("There is no such queue.")
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


async def standing(
    session: AsyncSession, counts: dict[str, dict[str, int]], workers: list[LivingWorker]
) -> list[QueueLine]:
    """Every queue that has tasks (`counts`: queue → state → how many), is paused or is served, by name."""
    told = {queue.name: queue for queue in (await session.execute(select(Queue))).scalars()}
    served = {name for item in workers if item.state != "lost" for name in item.worker.queues}
    names = sorted({*counts, *(name for name, queue in told.items() if queue.paused_at), *served})
    waits = await reads.oldest_waits(session, names)
    lines = []
    for name in names:
        states, queue = counts.get(name, {}), told.get(name)
        serving = [
            each.worker.queues[name] for each in workers if each.state == "online" and name in each.worker.queues
        ]
        lines.append(
            QueueLine(
                name=name,
                ready=states.get(TaskState.QUEUED, 0),
                running=states.get(TaskState.RUNNING, 0),
                later=states.get(TaskState.SCHEDULED, 0) + states.get(TaskState.RETRYING, 0),
                oldest=waits.get(name),
                held=sum(states.get(state, 0) for state in HOLDS),
                slots=sum(serving),
                workers=len(serving),
                paused_at=queue.paused_at if queue else None,
                paused_by=queue.paused_by if queue else None,
            )
        )
    return lines


async def latest_events(session: AsyncSession, limit: int = 20) -> list[QueueEvent]:
    """Who paused and resumed what, newest first."""
    return list((await session.execute(select(QueueEvent).order_by(QueueEvent.id.desc()).limit(limit))).scalars())
