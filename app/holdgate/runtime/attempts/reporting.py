"""Who else is told of errors: the service that collects a product's (Sentry, say)."""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from holdgate.tasks.queue.claims import Claimed

Report = TypeVar("Report", bound=Callable[[BaseException], Any])

_REPORTS: list[Callable[[BaseException], Any]] = []


def on_error(report: Report) -> Report:
    """Have `report` called with the error by which an attempt has failed, also when another one follows.

    Say so once, in a module that `KINDS` names: `on_error(sentry_sdk.capture_exception)`. A note on the error names
    task, kind and attempt. It is called in the event loop, so it must not block; what it raises is logged.
    """
    if report not in _REPORTS:
        _REPORTS.append(report)
    return report


def tell(error: BaseException, task: "Claimed") -> None:
    """Never raises."""
    if not _REPORTS:
        return
    with suppress(Exception):  # of an error whose own notes are none
        error.add_note(f"Holdgate: task {task.id} of kind {task.kind}, attempt {task.attempt}.")
    for report in _REPORTS:
        try:
            report(error)
        except Exception as problem:
            from holdgate.core.telemetry import log  # heavy, for a name that products import

            log.get(__name__).warning("error_not_reported", task=str(task.id), error=repr(problem))
