"""Refusals about runs."""

from holdgate.core.errors import Conflict, Invalid, NotFound
from holdgate.core.text.verbs import past


class RunNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("No such run, or it belongs to somebody else.")


class EmptyRun(Invalid):
    def __init__(self, why: str) -> None:
        super().__init__(why, {"postings": why})


class RunRefuses(Conflict):
    def __init__(self, verb: str, state: str) -> None:
        super().__init__(f"Runs can’t be {past(verb)} while {state}.")
