"""The table of worker processes, for people to look at; workers that are gone, and connections of those that froze.

That a process is gone is noticed by a session lock, which PostgreSQL frees when its connection closes. The lock is on
the connection that renews the worker's leases. A process that is killed loses it in that moment, and after `PATIENCE`
the sweeper ends its leases. A worker that lives and has lost the connection alone has taken the lock again by then.
Where nobody closes the connection (a frozen process, a dead network), and behind a pooler that gives out connections by
the transaction, the leases stay the rule.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, null, text
from sqlalchemy.dialects.postgresql import insert

from holdgate.core.config import Settings
from holdgate.core.db import WriteSession
from holdgate.runtime.process_stats import Pulse, Vitals
from holdgate.tasks.queue.models import Worker

FORGET = timedelta(hours=1)
NAME = "holdgate worker"  # of its connections
PATIENCE = timedelta(seconds=1)  # in which a worker that was only cut off is back
_TRIES = 3  # to take the lock, for a sweeper may look in that moment


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
    *,
    locks: bool = False,
) -> None:
    """Say that this worker lives, what it serves, and what it needs; `swept`: so many seconds ago it did a beat of the
    sweeper; `locks`: it holds its lock (`Presence`)."""
    vitals = vitals or Vitals()
    values = {"in_hand": in_hand, "draining": draining, "seen_at": func.now(), **vitals._asdict()}
    values |= {"locks": locks, "missed_at": None}
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

    async def beat(self, session: WriteSession, in_hand: int, locks: bool) -> None:
        vitals = self._pulse.take()
        draining, swept = self._draining(), self._swept()
        whose = (session, self._id, self._host, os.getpid())
        await beat(*whose, self._queues, in_hand, draining, self._kinds, swept, vitals, locks=locks)


async def leave(session: WriteSession, id: UUID) -> None:
    await session.execute(delete(Worker).where(Worker.id == id))


async def forget_dead(session: WriteSession) -> None:
    """Rows of workers that were killed, after an hour."""
    await session.execute(delete(Worker).where(Worker.seen_at < func.now() - FORGET))


# The server waits for the second half, counts that as work, and ends it by no limit of its own. `:worker` is the name
# of workers' connections, `:frozen` for how long one of theirs may wait, `:others` how long any other one of ours.
HALF_SAID = """
    FROM pg_stat_activity
    WHERE application_name LIKE 'holdgate %' AND datname = current_database() AND usename = current_user
      AND state = 'active' AND wait_event = 'ClientRead'
      AND state_change < now() - CASE WHEN application_name = :worker THEN CAST(:frozen AS interval)
                                      ELSE CAST(:others AS interval) END
"""
OTHERS = timedelta(seconds=30)  # as long as a transaction may do nothing
_END_FROZEN = text("SELECT pid, pg_terminate_backend(pid)" + HALF_SAID)


async def end_frozen(session: WriteSession, limit: timedelta, *, others: timedelta = OTHERS) -> list[int]:
    """End connections whose program was stopped, killed or cut off between the two halves of a statement that was new
    to it: the locks of its transaction would stay for as long as the network does not notice. Returns the server's
    process ids."""
    values = {"worker": NAME, "frozen": limit, "others": others}
    return list((await session.execute(_END_FROZEN, values)).scalars())


# Shared, so that those who look do not meet one another; it ends with the statement's transaction.
GONE = text(
    """
    EXISTS (SELECT FROM workers
            WHERE locks AND pg_try_advisory_xact_lock_shared(hashtextextended(CAST(id AS text), 0)))
    """
)
_MISS = text(
    """
    UPDATE workers SET missed_at = now()
    WHERE locks AND missed_at IS NULL AND pg_try_advisory_xact_lock_shared(hashtextextended(CAST(id AS text), 0))
    """
)
_END = text(
    """
    WITH gone AS (
      UPDATE workers SET locks = false
      WHERE locks AND missed_at < now() - CAST(:patience AS interval)
        AND pg_try_advisory_xact_lock_shared(hashtextextended(CAST(id AS text), 0))
      RETURNING id),
    held AS (
      SELECT id FROM tasks WHERE state = 'running' AND worker_id IN (SELECT id FROM gone)
      ORDER BY id FOR NO KEY UPDATE SKIP LOCKED),
    ended AS (
      UPDATE tasks t SET lease_expires_at = now() - interval '1 second' FROM held WHERE t.id = held.id)
    SELECT id FROM gone
    """
)
_MISSED = text("SELECT EXISTS (SELECT FROM workers WHERE locks AND missed_at IS NOT NULL)")
_LOCK = text("SELECT pg_try_advisory_lock(hashtextextended(:id, 0))")


class Presence:
    """A worker's lock, on whatever connection renews its leases at the time.

    Args:
        id: the worker's.
        possible: whether there are connections of one's own: not behind a pooler.
    """

    def __init__(self, id: UUID, *, possible: bool) -> None:
        self._id, self._possible = id, possible
        self._on: Any = None
        self._cut = asyncio.Event()

    async def show(self, session: WriteSession) -> bool:
        """Take the lock, unless this session's connection has it. False: it could not be taken, since the server
        still believes in a connection that was lost, say."""
        if not self._possible:
            return False
        connection = (await (await session.connection()).get_raw_connection()).driver_connection
        if connection is not self._on:
            self._on = None
            self._cut.clear()
            for _ in range(_TRIES):
                if await session.scalar(_LOCK, {"id": str(self._id)}):
                    self._on = connection
                    self._on.add_termination_listener(self._lost)
                    break
        return self._on is not None

    def _lost(self, connection: object) -> None:
        if connection is self._on:
            self._cut.set()

    async def pause(self, seconds: float) -> None:
        """So long, or until the connection is lost."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._cut.wait(), seconds)


async def end_leases_of_gone(session: WriteSession) -> tuple[list[UUID], bool]:
    """Of workers whose lock has been free for `PATIENCE`: their ids, and whether others are missed."""
    await session.execute(_MISS)
    gone = list((await session.execute(_END, {"patience": PATIENCE})).scalars())
    return gone, bool(await session.scalar(_MISSED))
