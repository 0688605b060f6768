"""sys.exit() in an asyncio task that a handler made: the event loop would end for it, and the worker with it."""

import asyncio
from collections.abc import Coroutine, Generator
from contextvars import ContextVar
from typing import Any

# Set in the task of an attempt, and inherited by every task that is made from there.
handling: ContextVar[bool] = ContextVar("handling", default=False)


class HandlerExited(Exception):
    """A part of the handler tried to end the process."""


class _Guarded(Coroutine[Any, Any, Any]):
    """A coroutine whose exit is an error like others. No coroutine around it: one cancelled at once would not start."""

    def __init__(self, inner: Coroutine[Any, Any, Any]) -> None:
        self._inner = inner

    def send(self, value: Any) -> Any:
        try:
            return self._inner.send(value)
        except (SystemExit, KeyboardInterrupt) as error:
            raise HandlerExited(f"A task of the handler raised {error!r}. Raise an error instead.") from error

    def throw(self, *args: Any) -> Any:
        try:
            return self._inner.throw(*args)
        except (SystemExit, KeyboardInterrupt) as error:
            raise HandlerExited(f"A task of the handler raised {error!r}. Raise an error instead.") from error

    def close(self) -> None:
        self._inner.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._inner.__await__()

    def __getattr__(self, name: str) -> Any:  # what asyncio shows of it
        return getattr(self._inner, name)


def guard(loop: asyncio.AbstractEventLoop) -> None:
    """Guard the tasks that handlers make in this loop."""
    loop.set_task_factory(_make)


def _make(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    if handling.get():
        coroutine = _Guarded(coroutine)
    return asyncio.Task(coroutine, loop=loop, **options)
