"""Refusals of bulk actions."""

from holdgate.core.errors import Conflict, Invalid, NotFound


class ActionNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("There is no such bulk action, or it belongs to somebody else.")


class NothingMatches(Invalid):
    def __init__(self) -> None:
        super().__init__("No task that matches can be changed in this way. Choose another filter.")


class CountTooSlow(Invalid):
    """The database needed too long to count or to note the tasks."""

    def __init__(self) -> None:
        super().__init__("Counting what matches takes too long. Narrow the filter: a state, a kind, a run, an age.")


class Outgrown(Conflict):
    """More match than were confirmed."""

    def __init__(self, confirmed: int, now: int) -> None:
        super().__init__(f"Meanwhile {now} tasks match, not {confirmed}. Nothing was done; look at it again.")


class NotWaiting(Conflict):
    def __init__(self) -> None:
        super().__init__("This bulk action is under way by itself. Only a redrive that waits can be told to go on.")


class NoWayBack(Conflict):
    def __init__(self) -> None:
        super().__init__(
            "This bulk action cannot be taken back: it is still under way, has changed nothing, or did what nothing "
            "leads back from."
        )


class ActionEnded(Conflict):
    def __init__(self, state: str) -> None:
        super().__init__(f"This bulk action is {state}, so nothing about it can be changed any more.")
