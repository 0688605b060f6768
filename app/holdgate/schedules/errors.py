"""Refusals about schedules."""

from holdgate.core.errors import Conflict, NotFound


class ScheduleNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("No such schedule, or it belongs to somebody else.")


class OwnerDisabled(Conflict):
    def __init__(self) -> None:
        super().__init__(
            "The access of this schedule's owner has ended, so it doesn’t run. "
            "It resumes when an administrator enables them."
        )
