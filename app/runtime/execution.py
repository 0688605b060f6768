"""One try of one task, from its payload to its outcome. Knows no table: what it returns is written by the finisher."""

import asyncio
import traceback
from datetime import timedelta
from random import SystemRandom
from typing import Any

import msgspec

from app.core import log
from app.core.errors import AppError
from app.core.masking import masked_text
from app.runtime.clock import Clock
from app.runtime.context import Context
from app.runtime.errors import Asleep, DeadlinePassed, Held, LeaseLost, PermanentError, RetryAfter
from app.tasks.attempts import Claimed, Outcome
from app.tasks.errors import PayloadMismatch, UnknownKind
from app.tasks.kinds import Kind, find_kind
from app.tasks.states import TaskState

TRACEBACK_LIMIT = 20_000  # characters kept, the innermost frames
LONGEST_WAIT = timedelta(days=1)  # that a handler, or the site it asked, can put off the next try

logger = log.get("app.tasks")
jitter = SystemRandom()


async def execute(task: Claimed, context: Context) -> Outcome | None:
    """Run the handler to its end. None: the task left our hands (held, asleep, cancelled, lost): nothing is to write.

    A CancelledError is the dispatcher's and passes through.
    """
    try:
        kind = find_kind(task.kind)
        payload = msgspec.json.decode(task.payload, type=kind.payload)
    except UnknownKind as error:
        return _buried(task, error)
    except msgspec.ValidationError as error:
        return _buried(task, PayloadMismatch(task.kind, str(error)))
    seconds = kind.timeout.total_seconds()
    try:
        # A time that is over already would still let the handler run up to its first await.
        if task.time_left is not None and task.time_left <= 0:
            return _buried(task, DeadlinePassed("Its deadline passed before it could start."), failed=False)
        now = asyncio.get_running_loop().time()
        deadline = None if task.time_left is None else now + task.time_left
        async with asyncio.timeout_at(now + seconds if deadline is None else min(now + seconds, deadline)) as limit:
            context.clock = Clock(limit, deadline)
            result = await _call(kind, context, payload)
        return Outcome(task.id, task.attempt, TaskState.SUCCEEDED, result=_json(result))
    except LeaseLost:
        logger.info("attempt_refused", task=str(task.id), attempt=task.attempt)
        return None
    except (Held, Asleep):
        return None
    except PermanentError as error:
        return _buried(task, error)
    except Exception as failure:
        if context.clock and context.clock.deadline_passed:
            return _buried(task, DeadlinePassed("Its deadline passed while it was running."), failed=False)
        late = TimeoutError(f"It took longer than {kind.timeout.total_seconds():g} seconds.")
        return _failed(task, kind, late if limit.expired() else failure)


async def _call(kind: Kind, context: Context, payload: Any) -> Any:
    match kind.runs_in:
        case "loop":
            return await kind.handler(context, payload)
        case "thread":
            return await context.in_thread(kind.handler, payload)
        case "process":
            return await context.in_process(kind.handler, payload, limit=kind.timeout)


def _json(result: Any) -> str | None:
    if result is None:
        return None
    text = msgspec.json.encode(result).decode()
    if "\\u0000" in text:
        raise AppError("The result holds a NUL character, which PostgreSQL cannot store.")
    return text


def _failed(task: Claimed, kind: Kind, error: Exception) -> Outcome:
    failures = task.failures + 1
    if failures >= task.max_attempts:
        return _buried(task, error, failed=True)
    delay = jitter.uniform(0, kind.backoff.ceiling(failures).total_seconds())
    if isinstance(error, RetryAfter):
        # Jitter here as well: many tasks may have been told the same.
        delay = max(delay, min(error.delay, LONGEST_WAIT).total_seconds() * jitter.uniform(1, 1.1))
    reason = f"Try {failures} of {task.max_attempts} failed: {_line(error)}"
    return Outcome(
        task.id,
        task.attempt,
        TaskState.RETRYING,
        error=describe(error),
        delay=delay,
        reason=reason,
        failed=True,
    )


def _buried(task: Claimed, error: Exception, *, failed: bool = True) -> Outcome:
    return Outcome(
        task.id, task.attempt, TaskState.DEAD_LETTER, error=describe(error), reason=_line(error), failed=failed
    )


def _line(error: Exception) -> str:
    text = " ".join(masked_text(str(error)).split()) or type(error).__name__
    return text.replace("\0", "")[:500]


def describe(error: BaseException) -> str:
    """An error as it is stored: JSON text of type, message and traceback, without what looks like a secret."""
    frames = masked_text("".join(traceback.format_exception(error))[-TRACEBACK_LIMIT:])
    value = {"type": type(error).__name__, "message": masked_text(str(error)[:5000]), "traceback": frames}
    return msgspec.json.encode({name: text.replace("\0", "") for name, text in value.items()}).decode()
