"""Refusals of bulk actions."""

from holdgate.core.errors import Conflict, Invalid, NotFound


class ActionNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("No such bulk job, or it belongs to somebody else.")


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
        found = f"{now} task matches" if now == 1 else f"{now} tasks match"
        super().__init__(f"Meanwhile {found}, not {confirmed}. Nothing was done; look at it again.")


class NotWaiting(Conflict):
    def __init__(self) -> None:
        super().__init__("This bulk job is already running. Only a paused redrive can be continued.")


class NoWayBack(Conflict):
    def __init__(self) -> None:
        super().__init__("This bulk job can’t be undone: it is still running, changed nothing, or isn’t reversible.")


class ActionEnded(Conflict):
    def __init__(self, state: str) -> None:
        super().__init__(f"This bulk job is {state}, so it can’t be changed.")
