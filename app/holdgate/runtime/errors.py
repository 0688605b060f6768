"""How a handler ends other than by returning."""

from datetime import timedelta
from typing import Any
from uuid import UUID


class PermanentError(Exception):
    """Trying again cannot help: the task goes to the dead letters at once."""


class RetryAfter(Exception):
    """The try failed like any other, and before `delay` is over another one is of no use."""

    def __init__(self, delay: timedelta, message: str) -> None:
        if not isinstance(delay, timedelta):
            raise TypeError(f"RetryAfter takes a timedelta, not {delay!r}.")
        super().__init__(delay, message)  # both, so that it can be pickled
        self.delay = delay
        self.message = message

    def __str__(self) -> str:
        return self.message


class DeadlinePassed(Exception):
    """The task was not done by the time it had to be."""


class TaskEnded(BaseException):
    """The task left this worker's hands. Not an Exception, so that a handler's `except Exception` lets it through."""


class Held(TaskEnded):
    """The task now waits for a person."""


class Asleep(TaskEnded):
    """The task now waits for a time, without a worker."""


class LeaseLost(TaskEnded):
    """The task was cancelled, or is another attempt's: whatever this one still does must not count."""

    def __init__(self, task_id: UUID, *args: Any) -> None:
        super().__init__(f"task {task_id} is no longer this attempt's", *args)
