"""What a worker process does: claim batches, run handlers, keep leases, write outcomes, drain.

No transaction is open while a handler runs. Every part goes on when the database or Redis is away for a while.
"""

import asyncio
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from app.core import log, metrics, tracing
from app.core.config import Settings
from app.core.db import AWAY, Database
from app.core.ids import uuid7
from app.runtime import exits, workers
from app.runtime.context import Context
from app.runtime.endings import failed
from app.runtime.execution import execute
from app.runtime.executors import Executors
from app.runtime.finisher import BATCH, Finisher
from app.runtime.occupied import Calls, note_calls
from app.runtime.vitals import Pulse
from app.tasks import attempts, limits
from app.tasks.attempts import Attempt, Claimed, Outcome
from app.tasks.kinds import all_kinds
from app.tasks.limits import Claim
from app.tasks.states import TaskState

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
    ) -> None:
        self._swept = swept
        self.id = uuid7()
        self.host = socket.gethostname()
        self.actor = f"worker:{self.host}:{os.getpid()}"
        self._database = database
        self._quick = quick or database
        self._handlers = handlers or database
        self._settings = settings
        self._kinds = [kind.name for kind in all_kinds()]
        # Which kinds have limits: only whether to ask for their tasks. What they allow, the claim finds out.
        self._limited: frozenset[str] = frozenset()
        self._limits_known = False
        self._sizes = dict(settings.queues)
        self._busy = dict.fromkeys(self._sizes, 0)
        self._bells = {queue: asyncio.Event() for queue in self._sizes}
        self._room = {queue: asyncio.Event() for queue in self._sizes}
        # By attempt: a task that was lost and claimed again may be here twice for a moment.
        self._hand: dict[Attempt, InHand] = {}
        self._finisher = Finisher(database, self.actor, self._written)
        self._executors = Executors()
        self._draining = False
        self._began = time.monotonic()
        self._beat_at: float | None = None
        self._feeds: list[asyncio.Task[None]] = []
        self._empty = asyncio.Event()

    @property
    def in_hand(self) -> int:
        return len(self._hand)

    @property
    def ready(self) -> bool:
        """Whether it takes tasks: it is not ending, and has written a heartbeat within the last lease."""
        beat, lease = self._beat_at, self._settings.lease.total_seconds()
        return not self._draining and beat is not None and time.monotonic() - beat < lease

    @property
    def unheard(self) -> float:
        """Seconds without a heartbeat that was written."""
        return time.monotonic() - (self._beat_at or self._began)

    async def run(self) -> None:
        """Work until cancelled; `drain` first for a clean end."""
        exits.guard(asyncio.get_running_loop())
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._finisher.run(), name="finisher")
                group.create_task(self._keep_leases(), name="leases")
                group.create_task(self._declare_limits(), name="limits")
                self._feeds = [
                    group.create_task(self._feed(queue, size), name=f"feed {queue}")
                    for queue, size in self._sizes.items()
                ]
        finally:
            self._executors.close()

    def hear(self, topics: frozenset[str]) -> None:
        """The doorbell rang for these topics; an empty set means that rings may have been missed."""
        everything = not topics or limits.TOPIC in topics
        if everything:
            self._limits_known = False
        for queue, bell in self._bells.items():
            if everything or f"queue:{queue}" in topics:
                bell.set()

    async def _feed(self, queue: str, size: int) -> None:
        """Keep `size` tasks of the queue running."""
        bell, room = self._bells[queue], self._room[queue]
        poll = self._settings.poll_interval.total_seconds()
        while not self._draining:
            free = min(size - self._busy[queue], BATCH)
            # Outcomes that wait to be written hold the claims back, so that neither runs away from the other.
            if free <= 0 or self._finisher.backlog > 4 * BATCH:
                room.clear()
                await room.wait()
                await asyncio.sleep(GATHER_ROOM)
                continue
            bell.clear()  # before the claim: a ring during it is not missed
            claim = await self._claim(queue, free)
            if claim.tasks:
                metrics.observe_claims(queue, len(claim.tasks))
            for task in claim.tasks:
                self._start(task)
            if len(claim.tasks) < free and not claim.again and not bell.is_set():
                try:
                    async with asyncio.timeout(poll if claim.wait is None else min(poll, claim.wait + TOKEN_ROOM)):
                        await bell.wait()
                except TimeoutError:
                    pass
        # Nothing is claimed any more; the task group is ended by whoever drains.

    async def _claim(self, queue: str, limit: int) -> Claim:
        lease = self._settings.lease
        try:
            async with self._quick.write(self.actor) as session:
                if not self._limits_known:
                    self._limits_known = True  # before the look: what changes during it is looked at again
                    self._limited = await limits.limited_kinds(session) & set(self._kinds)
                if self._limited:
                    return await limits.claim(
                        session, queue=queue, kinds=self._kinds, worker=self.id, limit=limit, lease=lease
                    )
                tasks = await attempts.claim_tasks(
                    session, queue=queue, kinds=self._kinds, worker=self.id, limit=limit, lease=lease
                )
                return Claim(tasks)
        except AWAY as error:
            logger.warning("claim_failed", queue=queue, error=repr(error))
            self._limits_known = False
            await asyncio.sleep(0.5)
            return Claim([])

    def _start(self, task: Claimed) -> None:
        hand = self._hand[task.id, task.attempt] = InHand(task)
        hand.job = asyncio.create_task(self._work(hand), name=f"task {task.id}")
        self._busy[task.queue] += 1
        self._empty.clear()

    async def _work(self, hand: InHand) -> None:
        """One task from claim to outcome. Never raises: whatever happens becomes an outcome or nothing."""
        task = hand.task
        hand.calls = note_calls()
        exits.handling.set(True)
        context = Context(
            task, database=self._handlers, settings=self._settings, actor=self.actor, executors=self._executors
        )
        outcome: Outcome | None = None
        began = time.perf_counter()
        try:
            outcome = await self._traced(task, context)
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
        self._tell(task, outcome, time.perf_counter() - began)

    @staticmethod
    async def _traced(task: Claimed, context: Context) -> Outcome | None:
        """The try, as a part of the trace in which its task was asked for."""
        about: tracing.Attributes = {
            "task.id": str(task.id),
            "task.kind": task.kind,
            "task.queue": task.queue,
            "task.attempt": task.attempt,
        }
        with tracing.span(f"task {task.kind}", "CONSUMER", about, parent=task.traceparent or "") as told:
            outcome = await execute(task, context)
            state = "left" if outcome is None else outcome.state.value
            told.say({"task.state": state}, failed=state if outcome is not None and outcome.failed else "")
            return outcome

    @staticmethod
    def _tell(task: Claimed, outcome: Outcome | None, seconds: float) -> None:
        """One line and one count for each try."""
        state = "left" if outcome is None else outcome.state.value
        metrics.observe_try(task.queue, task.kind, state, seconds)
        write = logger.warning if outcome is not None and outcome.failed else logger.info
        write(
            "task",
            task=str(task.id),
            kind=task.kind,
            queue=task.queue,
            attempt=task.attempt,
            state=state,
            ms=round(seconds * 1000, 1),
            reason=outcome.reason if outcome else None,
        )

    def _written(self, attempts: list[Attempt]) -> None:
        """These are out of our hands."""
        gone = [self._hand.pop(attempt, None) for attempt in attempts]
        if self._limited and any(hand is not None and hand.task.kind in self._limited for hand in gone):
            # There is room for another task of its kind, in whichever queue it waits.
            for bell in self._bells.values():
                bell.set()
        for room in self._room.values():
            room.set()
        if not self._hand:
            self._empty.set()

    async def _declare_limits(self) -> None:
        """Once. Never in a transaction with leases: one that cannot be stored would let all of them run out."""
        while True:
            try:
                async with self._database.write(self.actor) as session:
                    await limits.declare(session, all_kinds())
            except AWAY as error:
                logger.warning("limits_not_declared", error=repr(error))
                await asyncio.sleep(self._settings.lease.total_seconds() / 3)
            else:
                self._limits_known = False
                return

    async def _keep_leases(self) -> None:
        """Renew every lease at a third of its length; what is not ours any more is cancelled."""
        every = self._settings.lease.total_seconds() / 3
        queues = dict(self._settings.queues)
        pulse = Pulse()
        while True:
            held = list(self._hand)
            try:
                async with self._quick.write(self.actor) as session:
                    still = await attempts.extend_leases(session, held, self._settings.lease) if held else set()
                    await workers.beat(
                        session,
                        self.id,
                        self.host,
                        os.getpid(),
                        queues,
                        len(held),
                        self._draining,
                        self._kinds,
                        self._swept(),
                        pulse.take(),
                    )
            except AWAY as error:
                logger.warning("heartbeat_failed", error=repr(error))
                await asyncio.sleep(min(every, 0.5))
                continue
            self._limits_known = False
            self._beat_at = time.monotonic()
            for attempt in held:
                hand = self._hand.get(attempt)
                if attempt not in still and hand is not None and not hand.ended:
                    logger.info("task_taken_away", task=str(attempt[0]), attempt=attempt[1])
                    hand.cancel()
            await asyncio.sleep(every)

    async def drain(self) -> None:
        """Stop claiming, let the tasks in hand end within the grace period, then put the rest back unharmed."""
        self._draining = True
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
        if jobs := [hand.job for hand in self._hand.values() if hand.job]:
            # Not for ever: a handler may swallow it. What has not stopped is not put back either.
            _, deaf = await asyncio.wait(jobs, timeout=FAREWELL)
            for job in deaf:
                logger.warning("task_goes_on", job=job.get_name())
        try:
            async with asyncio.timeout(LAST_WORDS):
                await self._finisher.flushed()
                async with self._database.write(self.actor) as session:
                    await workers.leave(session, self.id)
        except (TimeoutError, *AWAY) as error:
            # Their leases run out and another worker takes them: nothing is lost.
            logger.warning("drain_incomplete", error=repr(error))
