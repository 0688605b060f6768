"""How a handler ends other than by returning."""

from datetime import timedelta
from typing import Any
from uuid import UUID


class PermanentError(Exception):
    """Trying again cannot help: the task goes to the dead letters at once."""


class TryLater(Exception):
    """This try failed, and the other side has said when to come again: the next is no sooner than `after` from now."""

    def __init__(self, message: str, after: timedelta) -> None:
        super().__init__(message)
        self.after = after


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
