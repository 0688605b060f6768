"""Refusals around personal data."""

from holdgate.core.errors import Conflict, NotFound


class AlreadyErased(Conflict):
    def __init__(self) -> None:
        super().__init__("This address is a pseudonym: the person has been erased.")


class ErasureNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("No such erasure.")
