"""What still works for a task in threads: cancelling its handler does not stop them, as it stops processes."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

Calls = set[Future[Any]]

_all: Calls = set()
# Of the attempt that runs in this context.
_calls: ContextVar[Calls | None] = ContextVar("calls", default=None)


def note_calls() -> Calls:
    """The calls that this context hands to the pools below from now on, each until it has truly ended."""
    calls: Calls = set()
    _calls.set(calls)
    return calls


def anything() -> bool:
    """Whether any call still works, for a task or for one that was given up."""
    return bool(_all)


def _noted(call: Future[R]) -> Future[R]:
    for calls in (_all, _calls.get()):
        if calls is not None:
            calls.add(call)
            call.add_done_callback(calls.discard)
    return call


class Threads(ThreadPoolExecutor):
    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        return _noted(super().submit(fn, *args, **kwargs))
