"""Refusals about applications."""

from holdgate.core.errors import Conflict, NotFound


class ApplicationNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("No such application, or it belongs to somebody else.")


class NotSentYet(Conflict):
    def __init__(self) -> None:
        super().__init__("This application has not been sent yet. Say so on its hand-off page once you have sent it.")


class SentAlready(Conflict):
    def __init__(self) -> None:
        super().__init__("This application has been sent already. Nothing was changed.")


class BeingSent(Conflict):
    def __init__(self) -> None:
        super().__init__("This application is being worked on at this moment. Look again in a minute.")
