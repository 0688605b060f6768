"""The tasks that this process has in hand, each from its claim until its outcome is written."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from holdgate.core.telemetry import log, tracing
from holdgate.runtime import exits, leases
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.attempts.endings import failed
from holdgate.runtime.attempts.execution import execute
from holdgate.runtime.occupied import Calls, note_calls
from holdgate.runtime.report import AttemptReport
from holdgate.runtime.timers import Timers
from holdgate.tasks.queue.claims import Attempt, Claimed, Outcome
from holdgate.tasks.states import TaskState

FAREWELL = 1.0  # seconds that a cancelled handler has to end

logger = log.get(__name__)


@dataclass
class InHand:
    """A task this process holds a lease on. `calls`: what works for it in threads and processes."""

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


class Hand:
    """Runs what it is given.

    Args:
        context: makes what a handler gets.
        ended: is told each task whose handler has ended, with its outcome; None: nothing is to be written.
    """

    def __init__(self, context: Callable[[Claimed], Context], ended: Callable[[Claimed, Outcome | None], None]) -> None:
        self.emptied = asyncio.Event()
        self._context, self._ended = context, ended
        # By attempt: a task that was lost and claimed again may be here twice for a moment.
        self._held: dict[Attempt, InHand] = {}
        self._timers = Timers()
        self._report = AttemptReport()

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Claimed]:
        return (each.task for each in list(self._held.values()))

    def attempts(self) -> list[Attempt]:
        return list(self._held)

    def task_of(self, job: asyncio.Task[Any]) -> Claimed | None:
        return next((each.task for each in list(self._held.values()) if each.job is job), None)

    def start(self, task: Claimed) -> None:
        each = self._held[task.id, task.attempt] = InHand(task)
        # Not by the loop, whose factory is for what handlers make; and a name that nobody reads costs as much again.
        each.job = asyncio.Task(self._work(each))
        self.emptied.clear()

    def let_go(self, attempts: list[Attempt]) -> list[Claimed]:
        """These are out of our hands: which of them were in."""
        gone = [each.task for attempt in attempts if (each := self._held.pop(attempt, None))]
        if not self._held:
            self.emptied.set()
        return gone

    def take_away(self, attempt: Attempt) -> None:
        """It is not ours any more."""
        each = self._held.get(attempt)
        if each is not None and not each.ended:
            logger.info("task_taken_away", task=str(attempt[0]), attempt=attempt[1])
            each.cancel()

    async def give_back(self) -> None:
        """Put what has not ended back into its queue, unharmed."""
        for each in list(self._held.values()):
            if not each.ended:
                each.requeue = True
                each.cancel()
        if jobs := {each.job: each.task for each in self._held.values() if each.job}:
            # Not for ever: a handler may swallow it. What has not stopped is not put back either.
            _, deaf = await asyncio.wait(jobs, timeout=FAREWELL)
            for job in deaf:
                logger.warning("task_goes_on", task=str(jobs[job].id))

    async def _work(self, each: InHand) -> None:
        """One task from claim to outcome. Never raises: whatever happens becomes an outcome or nothing."""
        task = each.task
        leases.working_for(task)
        each.calls = note_calls()
        exits.handling.set(True)
        context = self._context(task)
        outcome: Outcome | None = None
        began = time.perf_counter()
        try:
            if tracing.active():
                outcome = await self._traced(task, context)
            else:
                outcome = await execute(task, context, self._timers)
        except asyncio.CancelledError as error:
            if each.requeue and each.calls:
                pass  # what goes on in a thread must not be done by another worker meanwhile: its lease runs out
            elif each.requeue:
                outcome = Outcome(task.id, task.attempt, TaskState.QUEUED, reason="Its worker was shut down.")
            elif not each.cancelled:
                outcome = failed(task, error)
        except BaseException as error:  # the last resort: a task without an outcome would run for ever
            outcome = failed(task, error)
        each.ended = True
        self._ended(task, outcome)
        self._report.add(task, outcome, time.perf_counter() - began)

    async def _traced(self, task: Claimed, context: Context) -> Outcome | None:
        """The try, as a part of the trace in which its task was asked for."""
        about: tracing.Attributes = {
            "task.id": str(task.id),
            "task.kind": task.kind,
            "task.queue": task.queue,
            "task.attempt": task.attempt,
        }
        with (
            log.about(**tracing.origin(task.traceparent)),
            tracing.span(f"task {task.kind}", "CONSUMER", about, parent=task.traceparent or "") as told,
        ):
            outcome = await execute(task, context, self._timers)
            state = "left" if outcome is None else outcome.state.value
            told.say({"task.state": state}, failed=state if outcome is not None and outcome.failed else "")
            return outcome
