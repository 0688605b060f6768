"""What has changed, told to every open page of this process by one query a second, however many pages there are."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text

from holdgate.core.db import Database
from holdgate.core.postgres.outages import AWAY, tell
from holdgate.core.streams import Streams

STREAMS = 20  # of one person, in one process: each is an open page
MOST = 1000  # events that are looked at in one second; beyond, everything counts as changed
NAMED = 50  # ids named in one message; beyond, everything of that sort counts as changed

# Exactly the transactions that this snapshot sees and the one before did not, each once: ids or times of events would
# miss those of a transaction that began earlier and committed later.
_LOOK = text(
    """
    SELECT CAST(pg_current_snapshot() AS text), (
      SELECT coalesce(jsonb_agg(jsonb_build_array(owner_id, run_id, task_id)), '[]') FROM (
        SELECT owner_id, run_id, task_id FROM task_events
        WHERE xid >= pg_snapshot_xmin(CAST(CAST(:before AS text) AS pg_snapshot))
          AND NOT pg_visible_in_snapshot(xid, CAST(CAST(:before AS text) AS pg_snapshot))
        LIMIT :most) AS e)
    """
)
_NOW = text("SELECT CAST(pg_current_snapshot() AS text)")


class LiveChange(msgspec.Struct, frozen=True):
    """Tasks and runs with a new event. None: too many to name."""

    tasks: tuple[str, ...] | None
    runs: tuple[str, ...] | None


EVERYTHING = LiveChange(None, None)
Inbox = asyncio.Queue[LiveChange | None]  # None: no more


class Changes:
    """The watch of one process. It looks only while somebody listens."""

    def __init__(self, database: Database, *, interval: float = 1.0) -> None:
        self._database = database
        self._interval = interval
        self._listeners: dict[Inbox, UUID | None] = {}
        self._over = False
        self._watch: asyncio.Task[None] | None = None
        self.streams = Streams(STREAMS)

    @asynccontextmanager
    async def listening(self, scope: UUID | None) -> AsyncIterator[Inbox]:
        """Changes from now on, of one owner's tasks or (None) of everybody's. One not taken is joined by the next."""
        inbox: Inbox = asyncio.Queue(maxsize=1)
        self._listeners[inbox] = scope
        if self._over:
            inbox.put_nowait(None)
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._look_on(), name="changes")
        try:
            yield inbox
        finally:
            del self._listeners[inbox]

    def end(self) -> None:
        """Let all who listen go: the process ends, and a page that hears nothing would hold it."""
        self._over = True
        for inbox in self._listeners:
            if inbox.full():
                inbox.get_nowait()
            inbox.put_nowait(None)

    async def stop(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)

    async def _look_on(self) -> None:
        before: str | None = None
        while self._listeners:
            try:
                before = await self._look(before)
            except AWAY as problem:  # what is missed now is seen by the next look
                tell("changes_unknown", problem)
            await asyncio.sleep(self._interval)

    async def _look(self, before: str | None) -> str:
        async with self._database.autocommit() as connection:
            if before is None:
                return str((await connection.execute(_NOW)).scalar_one())
            row = (await connection.execute(_LOOK, {"before": before, "most": MOST})).one()
        if row[1]:
            self._tell(row[1])
        return str(row[0])

    def _tell(self, rows: list[list[str | None]]) -> None:
        if len(rows) >= MOST:
            for inbox in self._listeners:
                _put(inbox, EVERYTHING)
            return
        changes: dict[UUID | None, LiveChange] = {}
        for inbox, scope in self._listeners.items():
            if scope not in changes:
                changes[scope] = _change([row for row in rows if scope is None or row[0] == str(scope)])
            if changes[scope].tasks != ():
                _put(inbox, changes[scope])


def _change(rows: list[list[str | None]]) -> LiveChange:
    return LiveChange(_named({row[2] for row in rows}), _named({row[1] for row in rows}))


def _named(ids: Any) -> tuple[str, ...] | None:
    found = sorted(each for each in ids if each is not None)
    return tuple(found) if len(found) <= NAMED else None


def _put(inbox: Inbox, change: LiveChange) -> None:
    """A slow page gets one message for several seconds, never a growing heap of them."""
    if inbox.full():
        waiting = inbox.get_nowait()
        if waiting is None:
            inbox.put_nowait(None)
            return
        change = LiveChange(_joined(waiting.tasks, change.tasks), _joined(waiting.runs, change.runs))
    inbox.put_nowait(change)


def _joined(one: tuple[str, ...] | None, other: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if one is None or other is None else _named({*one, *other})
