"""Coroutines for code without an event loop: fixtures, and tests that are plain functions."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

R = TypeVar("R")


class BlockingRunner:
    """Runs coroutines to their end on one event loop of its own, so that what a handler keeps open lives on.

    The loop is never made the thread's current one: that is the business of pytest's own plugins.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="holdgate-tests")

    def __call__(self, work: Coroutine[Any, Any, R]) -> R:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._loop.run_until_complete(work)
        return self._aside.submit(self._loop.run_until_complete, work).result()

    def close(self) -> None:
        self._aside.shutdown()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
