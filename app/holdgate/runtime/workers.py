"""The table of worker processes, for people to look at, and the connections of those that have frozen."""

import os
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, null, text
from sqlalchemy.dialects.postgresql import insert

from holdgate.core.config import Settings
from holdgate.core.db import WriteSession
from holdgate.runtime.process_stats import Pulse, Vitals
from holdgate.tasks.queue.models import Worker

FORGET = timedelta(hours=1)
NAME = "holdgate worker"  # of its connections


async def beat(
    session: WriteSession,
    id: UUID,
    host: str,
    pid: int,
    queues: dict[str, int],
    in_hand: int,
    draining: bool,
    kinds: list[str] | None = None,
    swept: float | None = None,
    vitals: Vitals | None = None,
) -> None:
    """Say that this worker lives, what it serves, and what it needs; `swept`: so many seconds ago it did a beat of the
    sweeper."""
    vitals = vitals or Vitals()
    values = {"in_hand": in_hand, "draining": draining, "seen_at": func.now(), **vitals._asdict()}
    if swept is not None:
        values["swept_at"] = func.now() - timedelta(seconds=swept)
    await session.execute(
        insert(Worker)
        .values(id=id, host=host, pid=pid, queues=queues, kinds=null() if kinds is None else kinds, **values)
        .on_conflict_do_update(index_elements=[Worker.id], set_=values)
    )


class Heart:
    """What a worker says of itself. It beats in a thread: what it asks must be safe to read there."""

    def __init__(
        self,
        id: UUID,
        host: str,
        settings: Settings,
        kinds: list[str],
        draining: Callable[[], bool],
        swept: Callable[[], float | None],
    ) -> None:
        self._id, self._host = id, host
        self._queues, self._kinds = dict(settings.queues), kinds
        self._draining, self._swept = draining, swept
        self._pulse = Pulse()

    async def beat(self, session: WriteSession, in_hand: int) -> None:
        vitals = self._pulse.take()
        draining, swept = self._draining(), self._swept()
        await beat(
            session, self._id, self._host, os.getpid(), self._queues, in_hand, draining, self._kinds, swept, vitals
        )


async def leave(session: WriteSession, id: UUID) -> None:
    await session.execute(delete(Worker).where(Worker.id == id))


async def forget_dead(session: WriteSession) -> None:
    """Rows of workers that were killed, after an hour."""
    await session.execute(delete(Worker).where(Worker.seen_at < func.now() - FORGET))


# The server waits for the second half, counts that as work, and ends it by no limit of its own.
_END_FROZEN = text(
    """
    SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = :name AND datname = current_database() AND usename = current_user
      AND state = 'active' AND wait_event = 'ClientRead' AND state_change < now() - CAST(:frozen AS interval)
    """
)


async def end_frozen(session: WriteSession, limit: timedelta) -> list[int]:
    """End connections whose worker was stopped, or cut off, between the two halves of a statement that was new to it:
    the locks of its transaction would stay. Returns the server's process ids."""
    return list((await session.execute(_END_FROZEN, {"name": NAME, "frozen": limit})).scalars())
