"""Where blocking and heavy work runs: in threads and in processes, each call in a place of its own.

Waiting for a place is not running: the clock of the task stands still (its lease is renewed), and what has been given
up while it waits never starts. A process works for one call at a time, so its death concerns no other; a call that is
given up is killed there. A thread cannot be stopped: one that works on after its attempt has ended is abandoned, and
replaced as long as there are no more of those than places.
"""

import asyncio
import os
import pickle
import signal
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext, suppress
from datetime import timedelta
from functools import cached_property, partial
from multiprocessing import get_context
from typing import Any, Literal, TypeVar

from holdgate.core.telemetry import log
from holdgate.runtime.attempts import calls
from holdgate.runtime.clock import Clock
from holdgate.runtime.occupied import Threads
from holdgate.tasks.queue.claims import Attempt

R = TypeVar("R")
Pool = Literal["thread", "process"]

GRACE = 5.0  # seconds for which a process may outlive the limit of its call
STARTS = 3  # times that a process is started for a call, until it is there

logger = log.get(__name__)


class ExecutorSlots:
    """So many calls at a time; the others wait for their turn."""

    def __init__(self, size: int, freed: Callable[[], None]) -> None:
        self.size = size
        self.taken = 0
        self.waiting = 0
        self._freed = freed
        self._turns = asyncio.Semaphore(size)

    @property
    def free(self) -> int:
        return max(self.size - self.taken - self.waiting, 0)

    async def take(self) -> None:
        self.waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self.waiting -= 1
        self.taken += 1

    def give_back(self) -> None:
        self.taken -= 1
        self._turns.release()
        self._freed()


class Executors:
    """The threads and processes of one worker.

    Args:
        freed: called whenever there is a place again.
    """

    def __init__(self, threads: int = 8, processes: int = 2, freed: Callable[[], None] = lambda: None) -> None:
        self._in_thread, self._in_process = ExecutorSlots(threads, freed), ExecutorSlots(processes, freed)
        self._idle: list[_Process] = []
        self._abandoned = 0
        self._unreplaced = 0

    def free(self, pool: Pool) -> int:
        """How many more calls could start at once."""
        return (self._in_thread if pool == "thread" else self._in_process).free

    def figures(self) -> dict[tuple[str, ...], float]:
        """(pool, what its calls do) → how many."""
        found: dict[tuple[str, ...], float] = {("thread", "abandoned"): self._abandoned}
        for pool, places in (("thread", self._in_thread), ("process", self._in_process)):
            found |= {(pool, "busy"): places.taken, (pool, "waiting"): places.waiting}
        return found

    async def thread(self, call: Callable[[], R], of: Attempt | None = None, clock: Clock | None = None) -> R:
        """Run it in a thread, for an attempt and its clock."""
        with clock.stopped() if clock else nullcontext():
            await self._in_thread.take()
        future = self._threads.submit(calls.safely, call)
        try:
            return await asyncio.wrap_future(future)
        finally:
            if future.done():
                self._in_thread.give_back()
            else:
                self._abandon(future, call, of)

    @cached_property
    def _threads(self) -> Threads:
        # As many again for those that are abandoned: whoever has a place has a thread at once.
        return Threads(2 * self._in_thread.size, thread_name_prefix="handler")

    def _abandon(self, future: "Future[Any]", call: Callable[[], Any], of: Attempt | None) -> None:
        self._abandoned += 1
        replaced = self._abandoned - self._unreplaced <= self._in_thread.size
        if replaced:
            self._in_thread.give_back()
        else:
            self._unreplaced += 1
        function = call.func if isinstance(call, partial) else call
        logger.warning(
            "thread_abandoned",
            function=getattr(function, "__qualname__", repr(function)),
            task=str(of[0]) if of else None,
            replaced=replaced,
            abandoned=self._abandoned,
        )
        future.add_done_callback(partial(_in_loop, asyncio.get_running_loop(), self._came_back))

    def _came_back(self) -> None:
        self._abandoned -= 1
        if self._unreplaced:
            self._unreplaced -= 1
            self._in_thread.give_back()
        logger.info("thread_came_back", abandoned=self._abandoned)

    async def process(self, limit: timedelta, call: Callable[[], R], clock: Clock | None = None) -> R:
        """Run it in a process that has nothing else to do; call and result travel pickled.

        After `limit` it is stopped there, and killed if that does not help.
        """
        parcel, seconds = pickle.dumps(call), limit.total_seconds()
        with clock.stopped() if clock else nullcontext():
            await self._in_process.take()
            try:
                process = await self._started()
            except BaseException:
                self._in_process.give_back()
                raise
        try:
            async with asyncio.timeout(seconds + GRACE) as end:
                reply = await process.run(seconds, parcel)
        except BaseException as error:
            process.kill()
            if end.expired():
                raise TimeoutError(f"It took longer than {seconds:g} seconds.") from None
            if isinstance(error, BrokenProcessPool):
                # Most likely for its use of memory.
                raise RuntimeError("The process that worked on it ended abnormally.") from error
            raise
        else:
            self._idle.append(process)
        finally:
            self._in_process.give_back()
        result: R = calls.unpack(reply)
        return result

    async def _started(self) -> "_Process":
        """A process that answers: an idle one may have been killed meanwhile."""
        starts = 0
        while starts < STARTS:
            if not self._idle:
                starts += 1
            process = self._idle.pop() if self._idle else _Process()
            if await process.answers():
                return process
        raise RuntimeError("No process could be started for it.")

    def close(self) -> None:
        """Do not wait: threads cannot be interrupted."""
        if "_threads" in self.__dict__:
            self._threads.shutdown(wait=False, cancel_futures=True)
        while self._idle:
            self._idle.pop().end()


class _Process:
    """A pool of one, so that it concerns one call only when it dies."""

    def __init__(self) -> None:
        # Not fork: the worker has threads and connections.
        self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=calls.settle_in)
        self._pid: int | None = None

    async def answers(self) -> bool:
        try:
            self._pid = await asyncio.wrap_future(self._pool.submit(os.getpid))
            return True
        except BrokenProcessPool:
            self.end()
            return False
        except BaseException:
            self.kill()
            raise

    async def run(self, seconds: float, parcel: bytes) -> bytes:
        return await asyncio.wrap_future(self._pool.submit(calls.answer, seconds, parcel))

    def kill(self) -> None:
        if self._pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
        self.end()

    def end(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def _in_loop(loop: asyncio.AbstractEventLoop, told: Callable[[], None], _future: "Future[Any]") -> None:
    with suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(told)
