"""Refusals about webhooks."""

from holdgate.core.errors import Conflict, NotFound


class EndpointNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("No such webhook, or it belongs to somebody else.")


class EndpointDisabled(Conflict):
    def __init__(self) -> None:
        super().__init__("This webhook is disabled. Enable it first.")
