"""How an attempt ended, in words for people that the database can store. No error is too odd for it."""

import asyncio
import traceback
from collections.abc import Iterator
from datetime import timedelta
from random import SystemRandom

import msgspec

from holdgate.core.postgres.outages import in_words
from holdgate.core.text.masking import masked_text
from holdgate.core.text.source_line import source_line
from holdgate.core.text.storable import storable_text
from holdgate.runtime.attempts import reporting
from holdgate.runtime.errors import PermanentError, RetryAfter, TaskEnded
from holdgate.tasks.kinds import AnyKind, find_kind
from holdgate.tasks.queue.claims import Claimed, Outcome
from holdgate.tasks.states import TaskState

MOST_TRACEBACK = 20_000  # characters kept, the innermost frames
MOST_MESSAGE = 5_000
MOST_REASON = 500
MOST_LINE = 500
MOST_CAUSES = 5  # of a group of errors that are told
LONGEST_DELAY = timedelta(days=1)  # that a handler, or the site it asked, can put off the next try

jitter = SystemRandom()


def left(error: BaseException) -> bool:
    """Whether the task left our hands (held, asleep, lost): alone, or in a group of the handler's own tasks."""
    return any(isinstance(cause, TaskEnded) for cause in _causes(error))


def failed(task: Claimed, error: BaseException) -> Outcome:
    """The outcome of an attempt that ended by `error`: another attempt, or the dead letters. Whoever wants to know of
    errors is told. Never raises."""
    reporting.tell(error, task)
    try:
        return _failed(task, find_kind(task.kind), error)
    except BaseException:  # whatever it is: a task without an outcome would run for ever
        told = "It failed with an error that can’t be described."
        outcome = msgspec.json.encode({"type": "Unknown", "message": told, "traceback": ""}).decode()
        return Outcome(task.id, task.attempt, TaskState.DEAD_LETTER, error=outcome, reason=told, failed=True)


def buried(task: Claimed, error: BaseException, *, failed: bool = True) -> Outcome:
    return Outcome(
        task.id, task.attempt, TaskState.DEAD_LETTER, error=describe(error), reason=_line(error), failed=failed
    )


def describe(error: BaseException) -> str:
    """An error as it is stored: JSON text of type, message, traceback and the line of the developer's own code, without
    what looks like a secret."""
    value = {"type": _name(error), "message": _message(error), "line": _own_line(error), "traceback": _traceback(error)}
    return msgspec.json.encode(value).decode()


def _failed(task: Claimed, kind: AnyKind, error: BaseException) -> Outcome:
    failures = task.failures + 1
    causes = list(_causes(error))
    if failures >= task.max_attempts or any(isinstance(cause, PermanentError) for cause in causes):
        return buried(task, error)
    delay = jitter.uniform(0, kind.backoff.ceiling(failures).total_seconds())
    for cause in causes:
        if isinstance(cause, RetryAfter):
            # Jitter here as well: many tasks may have been told the same.
            delay = max(delay, min(cause.delay, LONGEST_DELAY).total_seconds() * jitter.uniform(1, 1.1))
    reason = f"Attempt {failures} of {task.max_attempts} failed: {_line(error)}"
    return Outcome(
        task.id,
        task.attempt,
        TaskState.RETRYING,
        error=describe(error),
        delay=delay,
        reason=reason,
        failed=True,
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The errors that a group consists of, whatever groups are in it; of others, itself."""
    if not isinstance(error, BaseExceptionGroup):
        yield error
        return
    for cause in error.exceptions:
        yield from _causes(cause)


def _name(error: BaseException) -> str:
    """The type's name: of a group of one error, that one's."""
    causes = list(_causes(error))
    return storable_text(type(causes[0] if len(causes) == 1 else error).__name__, 200)


def _message(error: BaseException) -> str:
    causes = list(_causes(error))
    if len(causes) == 1:
        return _told(causes[0])
    told = [f"{type(cause).__name__}: {_told(cause)}" for cause in causes[:MOST_CAUSES]]
    more = [f"and {len(causes) - MOST_CAUSES} more"] if len(causes) > MOST_CAUSES else []
    return storable_text(f"{len(causes)} errors: " + "; ".join(told + more), MOST_MESSAGE)


def _told(error: BaseException) -> str:
    """What one error says, or what there is to say about it. An exception's own code may do anything."""
    if isinstance(error, SystemExit):
        return (
            f"The handler ended its process: sys.exit({storable_text(repr(error.code), 200)}). Raise an error instead."
        )
    if isinstance(error, asyncio.CancelledError):
        return "The handler was cancelled by its own code, or by something that it waited for."
    try:
        # Of a key that is missing only the key is told.
        text = in_words(error) or (f"{type(error).__name__}: {error}" if isinstance(error, KeyError) else str(error))
    except BaseException:
        text = "The error can’t be shown as text."
    return masked_text(storable_text(text, MOST_MESSAGE))


def _line(error: BaseException) -> str:
    return " ".join(_message(error).split())[:MOST_REASON] or _name(error)


def _own_line(error: BaseException) -> dict[str, str | int] | None:
    try:
        place = source_line(next(_causes(error)))
    except Exception:  # the file may have changed or gone
        return None
    if place is None:
        return None
    return {
        "file": storable_text(place.file, MOST_LINE),
        "line": place.line,
        "function": storable_text(place.function, MOST_LINE),
        "code": masked_text(storable_text(place.code, MOST_LINE)),
    }


def _traceback(error: BaseException) -> str:
    try:
        lines = traceback.format_exception(error)
    except BaseException:
        return ""
    return masked_text(
        storable_text("".join(line[-MOST_TRACEBACK:] for line in lines)[-MOST_TRACEBACK:], MOST_TRACEBACK)
    )
