"""What runs in a thread or another process, and how it ends: the one place where its exception is made fit to travel.

An end that would end the worker (`sys.exit()`), that no future can hold (StopIteration), or that does not survive
pickling arrives as text: an exception with the name, the message and the traceback of the first.
"""

import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable
from multiprocessing import parent_process
from types import FrameType
from typing import Any, NamedTuple, TypeVar

from holdgate.runtime.errors import PermanentError

R = TypeVar("R")


class CallFailed(Exception):
    """The work in a thread or process ended with an exception that could not travel. Its class has that one's name."""


class Traceback(Exception):
    """The cause of an exception from another process: where it was raised."""


class CallFailure(NamedTuple):
    """An exception on its way. `pickled`: itself, when that works."""

    name: str
    message: str
    trace: str
    permanent: bool
    pickled: bytes | None


def safely(call: Callable[[], R]) -> R:
    """In a thread."""
    try:
        return call()
    except BaseException as error:
        if _ordinary(error):
            raise
        raise _named(_failure(error)) from error


def answer(seconds: float, parcel: bytes) -> bytes:
    """In a process of the pool: what the pickled call returns within the time, or its failure; for `unpack`."""
    try:
        value = _within(seconds, pickle.loads(parcel))  # noqa: S301  (from our own worker)
        return pickle.dumps((value, None))
    except BaseException as error:
        return pickle.dumps((None, _failure(error)))


def unpack(reply: bytes) -> Any:
    """The value, or the exception raised."""
    value, failure = pickle.loads(reply)  # noqa: S301  (from our own process)
    if failure is None:
        return value
    error = _named(failure) if failure.pickled is None else pickle.loads(failure.pickled)  # noqa: S301
    raise error from Traceback("\n" + failure.trace)


def _failure(error: BaseException) -> CallFailure:
    try:
        message = str(error)
    except Exception as unreadable:
        message = f"<{type(unreadable).__name__} in its __str__>"
    trace = "".join(traceback.format_exception(error))
    return CallFailure(type(error).__name__, message, trace, isinstance(error, PermanentError), _pickled(error))


def _pickled(error: BaseException) -> bytes | None:
    try:
        pickled = pickle.dumps(error)
        same = type(pickle.loads(pickled)) is type(error)  # noqa: S301
    except Exception:
        return None
    return pickled if same and _ordinary(error) else None


def _ordinary(error: BaseException) -> bool:
    return isinstance(error, Exception) and not isinstance(error, StopIteration)


def _named(failure: CallFailure) -> Exception:
    base = PermanentError if failure.permanent else CallFailed
    made: Exception = type(failure.name, (base,), {})(failure.message)
    return made


def settle_in() -> None:
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
