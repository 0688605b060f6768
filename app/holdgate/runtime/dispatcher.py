"""What a worker process does: claim batches, run handlers, keep leases, write outcomes, drain.

No transaction is open while a handler runs. Every part goes on when the database or Redis is away for a while.
"""

import asyncio
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from holdgate.core.config import Settings
from holdgate.core.db import AWAY, Database
from holdgate.core.ids import uuid7
from holdgate.core.telemetry import log, tracing
from holdgate.core.telemetry.metrics import Rows
from holdgate.runtime import exits, leases, workers
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.attempts.endings import failed
from holdgate.runtime.attempts.execution import execute
from holdgate.runtime.attempts.executors import Executors
from holdgate.runtime.attempts.suspects import TOPIC as SUSPECTS
from holdgate.runtime.attempts.suspects import Suspects
from holdgate.runtime.claims import Claims
from holdgate.runtime.finisher import BATCH, Finisher
from holdgate.runtime.leases import Leases
from holdgate.runtime.occupied import Calls, note_calls
from holdgate.runtime.report import AttemptReport
from holdgate.runtime.resources import Resources
from holdgate.runtime.timers import Timers
from holdgate.runtime.workers import Heart
from holdgate.tasks.queue import limits
from holdgate.tasks.queue.claims import INNOCENT, Attempt, Claimed, Losses, Outcome
from holdgate.tasks.queue.limits import Claim
from holdgate.tasks.states import TaskState

GATHER_ROOM = 0.002  # seconds to let more handlers end before a full queue claims again

TOKEN_ROOM = 0.01  # seconds after which a rate's next start is surely there
CLAIM_PATIENCE = 2.0  # seconds that a drain waits for claims under way
FAREWELL = 1.0  # seconds that a cancelled handler has to end
LAST_WORDS = 3.0  # seconds to write what has ended

logger = log.get(__name__)


@dataclass
class InHand:
    """A task this process holds a lease on, from its claim until its outcome is written. `calls`: what works for it in
    threads and processes."""

    task: Claimed
    job: asyncio.Task[None] | None = None
    calls: Calls = field(default_factory=set)
    ended: bool = False
    requeue: bool = False
    cancelled: bool = False  # by us; a handler may cancel itself

    def cancel(self) -> None:
        assert self.job is not None
        self.cancelled = True
        self.job.cancel()


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
        # By attempt: a task that was lost and claimed again may be here twice for a moment.
        self._hand: dict[Attempt, InHand] = {}
        self._finisher = Finisher(database, self.actor, self._written)
        self._executors = Executors(settings.threads, settings.processes, freed=self._place_freed)
        self._claims = Claims(self._quick, self.id, self.actor, settings.lease, self._executors)
        self._leases = Leases(
            settings,
            self.actor,
            held=lambda: list(self._hand),
            works_for=self._task_of,
            beat=Heart(self.id, self.host, settings, self._claims.kinds, lambda: self._draining, swept).beat,
            renewed=self._renewed,
            line=self._quick.line,
        )
        self._suspects = Suspects(
            self._quick,
            self.id,
            most=settings.max_lease_losses,
            hand=lambda: [hand.task for hand in self._hand.values()],
            claim=self._claim,
            idle=lambda: not self._hand and not self._claims.under_way,
            go_on=self._wake,
        )
        self._timers = Timers()
        self._report = AttemptReport()
        self._draining = False
        self._began = time.monotonic()
        self._feeds: list[asyncio.Task[None]] = []
        self._empty = asyncio.Event()

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
            self._start(task)
        return claim

    def _start(self, task: Claimed) -> None:
        hand = self._hand[task.id, task.attempt] = InHand(task)
        # Not by the loop, whose factory is for what handlers make; and a name that nobody reads costs as much again.
        hand.job = asyncio.Task(self._work(hand))
        self._busy[task.queue] += 1
        self._empty.clear()

    async def _work(self, hand: InHand) -> None:
        """One task from claim to outcome. Never raises: whatever happens becomes an outcome or nothing."""
        task = hand.task
        leases.working_for(task)
        hand.calls = note_calls()
        exits.handling.set(True)
        context = Context(
            task,
            database=self._handlers,
            settings=self._settings,
            actor=self.actor,
            executors=self._executors,
            resources=self._resources,
        )
        outcome: Outcome | None = None
        began = time.perf_counter()
        try:
            if tracing.active():
                outcome = await self._traced(task, context)
            else:
                outcome = await execute(task, context, self._timers)
        except asyncio.CancelledError as error:
            if hand.requeue and hand.calls:
                pass  # what goes on in a thread must not be done by another worker meanwhile: its lease runs out
            elif hand.requeue:
                outcome = Outcome(task.id, task.attempt, TaskState.QUEUED, reason="Its worker was shut down.")
            elif not hand.cancelled:
                outcome = failed(task, error)
        except BaseException as error:  # the last resort: a task without an outcome would run for ever
            outcome = failed(task, error)
        hand.ended = True
        self._busy[task.queue] -= 1
        self._room[task.queue].set()
        if outcome is None:
            self._written([(task.id, task.attempt)])
        else:
            self._finisher.put(outcome)
        self._report.add(task, outcome, time.perf_counter() - began)

    async def _traced(self, task: Claimed, context: Context) -> Outcome | None:
        """The try, as a part of the trace in which its task was asked for."""
        about: tracing.Attributes = {
            "task.id": str(task.id),
            "task.kind": task.kind,
            "task.queue": task.queue,
            "task.attempt": task.attempt,
        }
        with tracing.span(f"task {task.kind}", "CONSUMER", about, parent=task.traceparent or "") as told:
            outcome = await execute(task, context, self._timers)
            state = "left" if outcome is None else outcome.state.value
            told.say({"task.state": state}, failed=state if outcome is not None and outcome.failed else "")
            return outcome

    def _task_of(self, job: asyncio.Task[Any]) -> Claimed | None:
        return next((hand.task for hand in list(self._hand.values()) if hand.job is job), None)

    def _written(self, attempts: list[Attempt]) -> None:
        """These are out of our hands."""
        gone = [self._hand.pop(attempt, None) for attempt in attempts]
        if self._claims.limited and any(hand is not None and hand.task.kind in self._claims.limited for hand in gone):
            # There is room for another task of its kind, in whichever queue it waits.
            self._wake()
        if any(hand is not None and hand.task.lease_losses for hand in gone):
            self._suspects.bell.set()  # there may be room for the next one
        for room in self._room.values():
            room.set()
        if not self._hand:
            self._empty.set()

    def _renewed(self, held: list[Attempt], still: set[Attempt]) -> None:
        """What is not ours any more is cancelled."""
        self._claims.limits_changed()
        for attempt in held:
            hand = self._hand.get(attempt)
            if attempt not in still and hand is not None and not hand.ended:
                logger.info("task_taken_away", task=str(attempt[0]), attempt=attempt[1])
                hand.cancel()

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
                    await self._empty.wait()
            except TimeoutError:
                pass
        for hand in list(self._hand.values()):
            if not hand.ended:
                hand.requeue = True
                hand.cancel()
        if jobs := {hand.job: hand.task for hand in self._hand.values() if hand.job}:
            # Not for ever: a handler may swallow it. What has not stopped is not put back either.
            _, deaf = await asyncio.wait(jobs, timeout=FAREWELL)
            for job in deaf:
                logger.warning("task_goes_on", task=str(jobs[job].id))
        try:
            async with asyncio.timeout(LAST_WORDS):
                await self._finisher.flushed()
                await self._leases.end()  # or its next heartbeat would bring the worker back
                async with self._database.write(self.actor) as session:
                    await workers.leave(session, self.id)
        except (TimeoutError, *AWAY) as error:
            # Their leases run out and another worker takes them: nothing is lost.
            logger.warning("drain_incomplete", error=repr(error))
