"""One line of the log and one count for each attempt that has ended, written in batches."""

import asyncio
from typing import Any

import msgspec

from holdgate.core.telemetry import log, metrics, tracing
from holdgate.tasks.queue.claims import Claimed, Outcome

logger = log.get(__name__)


class AttemptReport:
    """Counts at once; the lines of what has ended in one turn of the event loop are written together."""

    def __init__(self) -> None:
        self._lines: list[dict[str, Any]] = []

    def add(self, task: Claimed, outcome: Outcome | None, seconds: float) -> None:
        state = "left" if outcome is None else outcome.state.value
        metrics.observe_try(task.queue, task.kind, state, seconds)
        bad = outcome is not None and outcome.failed
        if not log.written("warning" if bad else "info"):
            return
        reason = outcome.reason if outcome else None
        line = {
            "task": str(task.id),
            "kind": task.kind,
            "queue": task.queue,
            "attempt": task.attempt,
            "state": state,
            "ms": round(seconds * 1000, 1),
            "reason": reason,
            **tracing.origin(task.traceparent),
        }
        if outcome is not None and outcome.error is not None:
            line |= _about(outcome.error)
        if reason is not None:  # it may have words of a handler, which are looked through for secrets
            (logger.warning if bad else logger.info)("task", **line)
            return
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._write)
        self._lines.append(line)

    def _write(self) -> None:
        lines, self._lines = self._lines, []
        log.write_many(__name__, "task", "info", lines)


class _Error(msgspec.Struct):
    """As endings.describe writes it."""

    type: str
    line: dict[str, str | int] | None = None


def _about(error: str) -> dict[str, Any]:
    """The type of an error, and where in the developer's own code it arose."""
    found = msgspec.json.decode(error, type=_Error)
    where = f"{found.line['file']}:{found.line['line']}" if found.line else None
    return {"error": found.type, "where": where}
