"""Refusals about schedules."""

from app.core.errors import NotFound


class ScheduleNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("There is no such schedule, or it belongs to somebody else.")
