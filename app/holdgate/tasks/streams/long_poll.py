"""Waiting for an end: one query every half second and process, however many requests wait."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from uuid import UUID

from sqlalchemy import ARRAY, any_, cast, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import Database
from holdgate.core.postgres.outages import AWAY
from holdgate.tasks.models import Task

EVERY = 0.5
ROOM = 5  # of a process's connections


async def ended_among(session: AsyncSession, ids: Iterable[UUID]) -> set[UUID]:
    """Those that have ended, or are gone."""
    wanted = list(ids)
    among = Task.id == any_(cast(wanted, ARRAY(Task.id.type)))
    found = await session.execute(select(Task.id).where(among, Task.finished_at.is_(None)))
    return set(wanted) - set(found.scalars())


class LongPolls:
    """Who waits for which of them to end. The query is asked only while somebody does, and no connection is kept.

    Args:
        ended: which of some ids have ended, or are gone.

    `room` is for what they look at before and after: however many come at once, others get connections, too.
    """

    def __init__(
        self,
        database: Database,
        ended: Callable[[AsyncSession, Iterable[UUID]], Awaitable[set[UUID]]] = ended_among,
    ) -> None:
        self._database = database
        self._ended = ended
        self.room = asyncio.Semaphore(ROOM)
        self._events: dict[UUID, tuple[asyncio.Event, int]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._over = False

    def end(self) -> None:
        """Let all who wait go: the process ends."""
        self._over = True
        for event, _ in self._events.values():
            event.set()

    async def for_end(self, id: UUID, seconds: float) -> bool:
        """Return once it has ended, after `seconds`, or when this process ends. False: it may go on."""
        if self._over:
            return False
        event, others = self._events.get(id, (asyncio.Event(), 0))
        self._events[id] = event, others + 1
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
            return not self._over
        except TimeoutError:
            return False
        finally:
            kept, number = self._events.get(id, (event, 0))
            if kept is event and number > 1:
                self._events[id] = event, number - 1
            elif kept is event:
                self._events.pop(id, None)

    async def _ask(self) -> None:
        while self._events:
            try:
                async with self._database.read_one() as session:
                    ended = await self._ended(session, self._events)
            except AWAY:
                ended = set()
            for id in ended:
                event, _ = self._events.pop(id, (asyncio.Event(), 0))
                event.set()
            await asyncio.sleep(EVERY)
