"""One try of one task, from its payload to its outcome. Knows no table: what it returns is written by the finisher."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from holdgate.core.telemetry import log
from holdgate.core.text.storable import Unstorable, json_of
from holdgate.core.text.typed import decode_as
from holdgate.runtime.attempts import reporting
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.attempts.endings import buried, failed, left
from holdgate.runtime.clock import Clock
from holdgate.runtime.errors import DeadlinePassed, LeaseLost, PermanentError
from holdgate.runtime.timers import TimeLimit, Timers
from holdgate.tasks.errors import PayloadMismatch, UnknownKind
from holdgate.tasks.kinds import AnyKind, find_kind
from holdgate.tasks.queue.claims import Claimed, Outcome
from holdgate.tasks.states import TaskState

logger = log.get("holdgate.tasks")


async def execute(
    task: Claimed,
    context: Context,
    timers: Timers | None = None,
    *,
    hurried: bool = True,
    watch: Callable[[BaseException], None] = lambda error: None,
) -> Outcome | None:
    """Run the handler to its end. None: the task left our hands (held, asleep, cancelled, lost): nothing is to write.

    A CancelledError passes through: only the dispatcher knows whether it was its own.

    Args:
        timers: with whose others its time is watched; None: alone.
        hurried: whether its timeout and its deadline end it.
        watch: is called with the error by which the handler has ended.
    """
    try:
        kind = find_kind(task.kind)
        payload = _payload(kind, task.payload)
    except (UnknownKind, PayloadMismatch) as error:
        reporting.tell(error, task)
        return buried(task, error)
    seconds = kind.timeout.total_seconds()
    try:
        # A time that is over already would still let the handler run up to its first await.
        if hurried and task.time_left is not None and task.time_left <= 0:
            return buried(task, DeadlinePassed("Its deadline passed before it could start."), failed=False)
        now = asyncio.get_running_loop().time()
        deadline = None if task.time_left is None else now + task.time_left
        end = now + seconds if deadline is None else min(now + seconds, deadline)
        with TimeLimit(timers or Timers(), end if hurried else None) as limit:
            context.clock = Clock(limit, deadline if hurried else None)
            result = await _call(kind, context, payload)
        return Outcome(task.id, task.attempt, TaskState.SUCCEEDED, result=_json(result))
    except LeaseLost:
        logger.info("attempt_refused", task=str(task.id), attempt=task.attempt)
        return None
    except PermanentError as error:
        watch(error)
        return failed(task, error)
    except asyncio.CancelledError:
        raise
    except BaseException as failure:  # sys.exit() too: it is the handler that wants to end, not the worker
        if left(failure):
            return None
        if context.clock and context.clock.deadline_passed:
            return buried(task, DeadlinePassed("Its deadline passed while it was running."), failed=False)
        watch(failure)
        late = TimeoutError(f"It took longer than {kind.timeout.total_seconds():g} seconds.")
        return failed(task, late if limit.expired() else failure)


def _payload(kind: AnyKind, stored: str) -> Any:
    """Raises PayloadMismatch: it is neither of the present form nor of one that is known."""
    try:
        return decode_as(kind.payload, stored)
    except msgspec.ValidationError:
        return kind.parse(msgspec.json.decode(stored))


async def _call(kind: AnyKind, context: Context, payload: Any) -> Any:
    match kind.runs_in:
        case "loop":
            return await kind.handler(context, payload)
        case "thread":
            return await context.in_thread(kind.handler, payload)
        case "process":
            return await context.in_process(kind, payload, limit=kind.timeout)  # it travels, its handler does not


def _json(result: Any) -> str | None:
    """Raises PermanentError: what has been done would be done again in vain."""
    if result is None:
        return None
    try:
        return json_of(result, text_keys=True)[0]
    except Unstorable as problem:
        raise PermanentError(f"The result {problem}") from problem
