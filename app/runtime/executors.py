"""Where blocking and heavy work runs: a pool of threads and a pool of processes, each made when first needed."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from datetime import timedelta
from functools import cached_property, partial
from multiprocessing import get_context, parent_process
from types import FrameType
from typing import ParamSpec, TypeVar

from app.runtime.occupied import Processes, Threads

P = ParamSpec("P")
R = TypeVar("R")

THREADS = 8
PROCESSES = 2


class Executors:
    """The pools of one worker process."""

    @cached_property
    def _threads(self) -> Threads:
        return Threads(max_workers=THREADS, thread_name_prefix="handler")

    @cached_property
    def _processes(self) -> Processes:
        # Not fork: the worker has threads and connections.
        return Processes(PROCESSES, mp_context=get_context("spawn"), initializer=_settle_in)

    async def in_thread(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        call = partial(function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    async def in_process(self, limit: timedelta, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run it in another process; function, arguments and result travel pickled.

        After `limit` it is stopped there: giving up here alone would leave that process at work for nobody.
        """
        pool = self._processes
        call = partial(_within, limit.total_seconds(), partial(function, *args, **kwargs))
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, call)
        except BrokenProcessPool as error:
            # Killed, most likely for its use of memory. A pool that lost a process takes no more work: make a new one.
            if self.__dict__.get("_processes") is pool:
                del self._processes
                pool.shutdown(wait=False, cancel_futures=True)
            raise RuntimeError("The process that worked on it ended abnormally.") from error

    def close(self) -> None:
        """Do not wait: work that blocks cannot be interrupted, and its lease will run out."""
        for name in ("_threads", "_processes"):
            if name in self.__dict__:
                self.__dict__[name].shutdown(wait=False, cancel_futures=True)


def _settle_in() -> None:
    """In a process of the pool: Ctrl-C is for the worker, and when the worker is gone, so are we."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, name="follow parent", daemon=True).start()


def _follow_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _within(seconds: float, call: Callable[[], R]) -> R:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"It took longer than {seconds:g} seconds.")

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return call()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
