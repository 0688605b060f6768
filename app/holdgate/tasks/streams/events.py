"""New events for programs that listen: one query a second and process, shared by all of them.

An event is told once every transaction that began before it has ended: ids are given at the insert but seen at the
commit, so only in the order (transaction, id) and below that horizon nothing can come in between later. The place of an
event in this order is what a listener names to go on from.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, select, text, true
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.core.postgres.outages import AWAY, is_away
from holdgate.core.streams import Streams
from holdgate.core.telemetry import log
from holdgate.tasks.queue.log import TaskEvent

EVERY = 1.0
CHUNK = 1000
BACKLOG = 10_000  # events that one listener may be behind
STREAMS = 5  # of one person, in one process

logger = log.get(__name__)


class StreamPlace(NamedTuple):
    """Where an event stands: its transaction, its id."""

    xid: int
    id: int

    def __str__(self) -> str:
        return f"{self.xid}.{self.id}"


def parse_place(given: str) -> StreamPlace:
    """Raises Invalid."""
    xid, _, id = given.partition(".")
    if not (xid.isascii() and xid.isdecimal() and id.isascii() and id.isdecimal() and len(given) <= 40):
        raise Invalid("This Last-Event-ID is not one of ours.")
    place = StreamPlace(int(xid), int(id))
    if place.xid >= 2**63 or place.id >= 2**63:
        raise Invalid("This Last-Event-ID is not one of ours.")
    return place


class StreamedEvent(NamedTuple):
    place: StreamPlace
    event: TaskEvent


# Every transaction below this has ended.
_HORIZON = text("SELECT CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text)")
_AFTER = text(
    """
    (xid, id) > (CAST(CAST(:xid AS text) AS xid8), :id) AND xid < pg_snapshot_xmin(pg_current_snapshot())
    """
)


async def newest(session: AsyncSession) -> StreamPlace:
    """From here on everything is new."""
    return StreamPlace(int((await session.execute(_HORIZON)).scalar_one()), 0)


async def events_after(
    session: AsyncSession, place: StreamPlace, scope: UUID | None, limit: int
) -> list[StreamedEvent]:
    """What is final and behind `place`, in order. `scope`: whose; None is everybody's."""
    found = await session.execute(
        select(TaskEvent)
        .where(_AFTER.bindparams(xid=str(place.xid), id=place.id), _mine(scope))
        .order_by(TaskEvent.xid, TaskEvent.id)
        .limit(limit)
    )
    return [StreamedEvent(StreamPlace(int(event.xid), event.id), event) for event in found.scalars()]


def _mine(scope: UUID | None) -> ColumnElement[bool]:
    return true() if scope is None else TaskEvent.owner_id == scope


class Feed:
    """Asks while somebody listens, and hands each listener what is theirs."""

    def __init__(self, database: Database, *, every: float = EVERY) -> None:
        self._database = database
        self._every = every
        self._queues: dict[asyncio.Queue[list[StreamedEvent]], UUID | None] = {}
        self._place = StreamPlace(0, 0)
        self._starting = asyncio.Lock()
        self._asking: asyncio.Task[None] | None = None
        self._over = False
        self.streams = Streams(STREAMS)

    async def check(self, place: StreamPlace) -> None:
        """Raises Invalid for a place that no event of this database has had: it would be silent for a long time."""
        async with self._database.read_one() as session:
            if place >= await newest(session):
                raise Invalid(
                    "This Last-Event-ID is of another database, or of one before a restore. Begin without it."
                )

    def end(self) -> None:
        """Let all who listen go: the process ends. They may go on from their place elsewhere."""
        self._over = True
        queues, self._queues = self._queues, {}
        for queue in queues:
            if queue.empty():
                queue.put_nowait([])

    async def listen(self, scope: UUID | None, place: StreamPlace | None) -> AsyncGenerator[list[StreamedEvent], None]:
        """What happens, in batches, behind `place` or from now on; an empty batch after each look. Never ends.

        A listener that reads too slowly, or begins while the database is away, is ended, and may go on from its place.
        """
        queue: asyncio.Queue[list[StreamedEvent]] = asyncio.Queue(maxsize=BACKLOG // CHUNK)
        # Before looking back: what is told meanwhile waits in the queue, and what comes twice is left out.
        if not self._over:
            self._queues[queue] = scope
        try:
            await self._start()
            if place is None:  # whatever is behind this one comes by the queue
                async with self._database.read() as session:
                    place = await newest(session)
            else:
                while chunk := await self._look_back(place, scope):
                    place = chunk[-1].place
                    yield chunk
            while queue in self._queues or not queue.empty():
                batch = [told for told in await queue.get() if told.place > place]
                place = batch[-1].place if batch else place
                yield batch
        except AWAY as problem:
            if not is_away(problem):
                raise
            logger.warning("events can’t be read", problem=repr(problem)[:300])
        finally:
            self._queues.pop(queue, None)

    async def _look_back(self, place: StreamPlace, scope: UUID | None) -> list[StreamedEvent]:
        async with self._database.read() as session:
            return await events_after(session, place, scope, CHUNK)

    async def _start(self) -> None:
        """Know where to begin before anybody looks back: between the two nothing may be left out."""
        async with self._starting:
            if self._asking is None or self._asking.done():
                async with self._database.read() as session:
                    self._place = await newest(session)
                self._asking = asyncio.create_task(self._ask())

    async def _ask(self) -> None:
        while self._queues:
            try:
                self._tell(await self._new())
            except AWAY as problem:
                logger.warning("events can’t be read", problem=repr(problem)[:300])
            await asyncio.sleep(self._every)

    async def _new(self) -> list[StreamedEvent]:
        async with self._database.read() as session:
            told = await events_after(session, self._place, None, CHUNK)
        if told:
            self._place = told[-1].place
        return told

    def _tell(self, told: Sequence[StreamedEvent]) -> None:
        for queue, scope in list(self._queues.items()):
            own = [each for each in told if scope is None or each.event.owner_id == scope]
            try:
                queue.put_nowait(own)
            except asyncio.QueueFull:
                del self._queues[queue]
