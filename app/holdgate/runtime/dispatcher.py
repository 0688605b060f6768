"""What a worker process does: claim batches, run handlers, keep leases, write outcomes, drain.

No transaction is open while a handler runs. Every part goes on when the database or Redis is away for a while.
"""

import asyncio
import os
import socket
import time
from collections.abc import Callable

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.core.postgres.outages import AWAY
from holdgate.core.telemetry import log
from holdgate.core.telemetry.metrics import Rows
from holdgate.runtime import exits, workers
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.attempts.executors import Executors
from holdgate.runtime.attempts.hand import Hand
from holdgate.runtime.attempts.journal import Journal
from holdgate.runtime.attempts.suspects import TOPIC as SUSPECTS
from holdgate.runtime.attempts.suspects import Suspects
from holdgate.runtime.claims import Claims
from holdgate.runtime.finisher import BATCH, Finisher
from holdgate.runtime.leases import Leases
from holdgate.runtime.resources import Resources
from holdgate.runtime.workers import Heart, Presence
from holdgate.tasks.queue import limits
from holdgate.tasks.queue.claims import INNOCENT, Attempt, Claimed, Losses, Outcome
from holdgate.tasks.queue.limits import Claim

GATHER_ROOM = 0.002  # seconds to let more handlers end before a full queue claims again

TOKEN_ROOM = 0.01  # seconds after which a rate's next start is surely there
CLAIM_PATIENCE = 2.0  # seconds that a drain waits for claims under way
LAST_WORDS = 3.0  # seconds to write what has ended

logger = log.get(__name__)


class Dispatcher:
    """The worker. `run` works until cancelled or drained; `hear` is the doorbell's.

    Args:
        quick: connections for claims and leases, where a server that has fallen silent must be noticed first.
        handlers: connections for those, so that they take none from the worker's own work.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        quick: Database | None = None,
        handlers: Database | None = None,
        swept: Callable[[], float | None] = lambda: None,
        resources: Resources | None = None,
    ) -> None:
        self.id = uuid7()
        self.host = socket.gethostname()
        self.actor = f"worker:{self.host}:{os.getpid()}"
        self._database = database
        self._quick = quick or database
        self._handlers = handlers or database
        self._resources = resources or Resources()
        self._settings = settings
        self._sizes = dict(settings.queues)
        self._busy = dict.fromkeys(self._sizes, 0)
        self._bells = {queue: asyncio.Event() for queue in self._sizes}
        self._room = {queue: asyncio.Event() for queue in self._sizes}
        self._hand = Hand(self._context, self._ended)
        self._finisher = Finisher(database, self.actor, self._written)
        self._journal = Journal(database, self.actor)
        self._executors = Executors(settings.threads, settings.processes, freed=self._place_freed)
        self._claims = Claims(self._quick, self.id, self.actor, settings.lease, self._executors, self._hand.attempts)
        self._leases = Leases(
            settings,
            self.actor,
            held=self._hand.attempts,
            works_for=self._hand.task_of,
            beat=Heart(self.id, self.host, settings, self._claims.kinds, lambda: self._draining, swept).beat,
            renewed=self._renewed,
            presence=Presence(self.id, possible=not settings.database_pooler),
            line=self._quick.line,
        )
        self._suspects = Suspects(
            self._quick,
            self.id,
            most=settings.max_lease_losses,
            hand=lambda: list(self._hand),
            claim=self._claim,
            idle=lambda: not self._hand and not self._claims.under_way,
            go_on=self._wake,
        )
        self._draining = False
        self._began = time.monotonic()
        self._feeds: list[asyncio.Task[None]] = []

    @property
    def in_hand(self) -> int:
        return len(self._hand)

    @property
    def figures(self) -> Rows:
        """What the pools do: (pool, state) → how many."""
        return self._executors.figures()

    @property
    def blocked(self) -> float:
        """Seconds since the event loop last turned."""
        return self._leases.blocked

    @property
    def ready(self) -> bool:
        """Whether it takes tasks: it is not ending, and has written a heartbeat within the last lease."""
        beat, lease = self._leases.beat_at, self._settings.lease.total_seconds()
        return not self._draining and beat is not None and time.monotonic() - beat < lease

    @property
    def unheard(self) -> float:
        """Seconds without a heartbeat that was written."""
        return time.monotonic() - (self._leases.beat_at or self._began)

    async def run(self) -> None:
        """Work until cancelled; `drain` first for a clean end."""
        exits.guard(asyncio.get_running_loop())
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._finisher.run(), name="finisher")
                group.create_task(self._leases.run(), name="leases")
                group.create_task(self._journal.run(), name="journal")
                group.create_task(self._claims.declare(), name="declare")
                self._feeds = [
                    group.create_task(self._feed(queue, size), name=f"feed {queue}")
                    for queue, size in self._sizes.items()
                ]
                poll = self._settings.poll_interval.total_seconds()
                watch = self._suspects.watch(list(self._sizes), self._claims.kinds, poll, self._settings.lease)
                self._feeds.append(group.create_task(watch, name="suspects"))
                group.create_task(self._poll(poll), name="poll")
        finally:
            self._executors.close()
            await asyncio.gather(self._claims.close(), self._finisher.close())

    def hear(self, topics: frozenset[str]) -> None:
        """The doorbell rang for these topics; an empty set means that rings may have been missed."""
        everything = not topics or limits.TOPIC in topics
        if everything:
            self._claims.limits_changed()
        for queue, bell in self._bells.items():
            if everything or f"queue:{queue}" in topics:
                bell.set()
        if everything or SUSPECTS in topics:
            self._suspects.bell.set()

    def _wake(self) -> None:
        """There may be more to claim, in whichever queue."""
        for bell in (*self._bells.values(), *self._room.values()):
            bell.set()

    def _place_freed(self) -> None:
        """Soon, so that more can be free by then, claim what was left for want of a place."""
        loop = asyncio.get_running_loop()
        for queue in self._claims.held_back:
            loop.call_later(GATHER_ROOM, self._bells[queue].set)
        self._claims.held_back.clear()

    async def _feed(self, queue: str, size: int) -> None:
        """Keep `size` tasks of the queue running."""
        bell, room = self._bells[queue], self._room[queue]
        while not self._draining:
            free = min(size - self._busy[queue], BATCH)
            # Outcomes that wait to be written hold the claims back, so that neither runs away from the other.
            if free <= 0 or self._suspects.alone or self._finisher.backlog > 4 * BATCH:
                room.clear()
                await room.wait()
                await asyncio.sleep(GATHER_ROOM)
                continue
            bell.clear()  # before the claim: a ring during it is not missed
            free -= await self._suspects.claim_few(queue, free)
            if free <= 0 or self._suspects.alone:
                continue
            claim = await self._claim(queue, free)
            if len(claim.tasks) < free and not claim.again and not bell.is_set():
                try:
                    async with asyncio.timeout(None if claim.wait is None else claim.wait + TOKEN_ROOM):
                        await bell.wait()
                except TimeoutError:
                    pass
        # Nothing is claimed any more; the task group is ended by whoever drains.

    async def _poll(self, seconds: float) -> None:
        """For rings that were missed: one look at all queues, where a claim of each would be many statements."""
        while True:
            await asyncio.sleep(seconds)
            for queue in await self._claims.waiting(list(self._bells)):
                self._bells[queue].set()

    async def _claim(self, queue: str, limit: int, losses: Losses = INNOCENT) -> Claim:
        """Claim and start."""
        free = min(limit, self._sizes[queue] - self._busy[queue])
        claim = await self._claims.claim(queue, free, losses) if free > 0 else Claim([])
        for task in claim.tasks:
            self._busy[task.queue] += 1
            self._hand.start(task)
        # Each gets as far as its thread or process: the next claim counts the places that are free without them. Where
        # none has one, the next claim is under way while these run; if all places are taken, those end that need not
        # wait, which is sooner than to look for one that is free again.
        full = self._busy[queue] >= self._sizes[queue]
        if full or any(self._claims.in_pool(task.kind) for task in claim.tasks):
            await asyncio.sleep(0)
        return claim

    def _context(self, task: Claimed) -> Context:
        return Context(
            task,
            database=self._handlers,
            settings=self._settings,
            actor=self.actor,
            executors=self._executors,
            resources=self._resources,
            journal=self._journal,
        )

    def _ended(self, task: Claimed, outcome: Outcome | None) -> None:
        self._busy[task.queue] -= 1
        self._room[task.queue].set()
        if outcome is None:
            self._written([(task.id, task.attempt)])
        else:
            self._finisher.put(outcome)

    def _written(self, attempts: list[Attempt]) -> None:
        """These are out of our hands."""
        gone = self._hand.let_go(attempts)
        if self._claims.limited and any(task.kind in self._claims.limited for task in gone):
            # There is room for another task of its kind, in whichever queue it waits.
            self._wake()
        if any(task.lease_losses for task in gone):
            self._suspects.bell.set()  # there may be room for the next one
        for room in self._room.values():
            room.set()

    def _renewed(self, held: list[Attempt], still: set[Attempt]) -> None:
        """What is not ours any more is cancelled."""
        self._claims.limits_changed()
        for attempt in held:
            if attempt not in still:
                self._hand.take_away(attempt)

    async def drain(self) -> None:
        """Stop claiming, let the tasks in hand end within the grace period, then put the rest back unharmed."""
        self._draining = True
        self._suspects.end()
        began = time.monotonic()
        self.hear(frozenset())
        for room in self._room.values():
            room.set()
        if self._feeds:
            # A claim under way still brings tasks, which nobody would put back.
            _, stuck = await asyncio.wait(self._feeds, timeout=CLAIM_PATIENCE)
            for feed in stuck:
                feed.cancel()
        if self._hand:
            left = self._settings.shutdown_grace.total_seconds() - (time.monotonic() - began)
            try:
                async with asyncio.timeout(left):
                    await self._hand.emptied.wait()
            except TimeoutError:
                pass
        await self._hand.give_back()
        try:
            async with asyncio.timeout(LAST_WORDS):
                await self._finisher.flushed()
                await self._journal.flush()
                await self._leases.end()  # or its next heartbeat would bring the worker back
                async with self._database.write(self.actor) as session:
                    await workers.leave(session, self.id)
        except (TimeoutError, *AWAY) as error:
            # Their leases run out and another worker takes them: nothing is lost.
            logger.warning("drain_incomplete", error=repr(error))
