"""Refusals about alarms."""

from holdgate.core.errors import NotFound


class AlarmNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("No such alarm.")
