"""Waiting for the end of tasks: one query every half second and process, however many requests wait."""

import asyncio
from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import ARRAY, any_, cast, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import Database
from holdgate.core.postgres.outages import AWAY
from holdgate.tasks.models import Task

EVERY = 0.5


async def ended_among(session: AsyncSession, ids: Iterable[UUID]) -> set[UUID]:
    """Those that have ended, or are gone."""
    wanted = list(ids)
    among = Task.id == any_(cast(wanted, ARRAY(Task.id.type)))
    found = await session.execute(select(Task.id).where(among, Task.finished_at.is_(None)))
    return set(wanted) - set(found.scalars())


class LongPolls:
    """Who waits for which task. The query is asked only while somebody does, and no connection is kept."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._events: dict[UUID, tuple[asyncio.Event, int]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._over = False

    def end(self) -> None:
        """Let all who wait go: the process ends."""
        self._over = True
        for event, _ in self._events.values():
            event.set()

    async def for_end(self, task_id: UUID, seconds: float) -> None:
        """Return once the task has ended, after `seconds`, or when this process ends."""
        if self._over:
            return
        event, others = self._events.get(task_id, (asyncio.Event(), 0))
        self._events[task_id] = event, others + 1
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass
        finally:
            kept, number = self._events.get(task_id, (event, 0))
            if kept is event and number > 1:
                self._events[task_id] = event, number - 1
            elif kept is event:
                self._events.pop(task_id, None)

    async def _ask(self) -> None:
        while self._events:
            try:
                async with self._database.read() as session:
                    ended = await ended_among(session, self._events)
            except AWAY:
                ended = set()
            for task_id in ended:
                event, _ = self._events.pop(task_id, (asyncio.Event(), 0))
                event.set()
            await asyncio.sleep(EVERY)
