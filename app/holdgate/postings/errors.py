"""Refusals about postings and their import."""

from holdgate.core.errors import Conflict, Invalid, NotFound, TooMany


class PostingNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("No such posting, or it belongs to somebody else.")


class PostingInUse(Conflict):
    """It cannot be deleted."""


class ImportNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("No such import. It may have been discarded; imports are kept for a day.")


class ImportAlreadyConfirmed(Conflict):
    """It was confirmed before; nothing is imported twice."""

    def __init__(self) -> None:
        super().__init__(
            "This import has been confirmed already: its postings are in your list. Nothing was imported twice."
        )


class HostBusy(TooMany):
    """A site is asked for postings once a minute."""

    def __init__(self, host: str, wait: int) -> None:
        super().__init__(
            f"{host} has been asked within the last minute, and is left alone for {wait} more seconds. Try again then.",
            wait,
        )


class NothingToImport(Invalid):
    def __init__(self) -> None:
        super().__init__("There is no row without errors in this file, so nothing can be imported. Correct it first.")


class ErrorsNotAccepted(Invalid):
    """Some rows have errors, and nobody has said that they may be left out."""

    def __init__(self, good: int, bad: int) -> None:
        why = (
            f"{rows(bad)} with errors would be skipped. Tick the box to import the other {good:,} without them, "
            "or discard this import and correct the file."
        )
        super().__init__(why, {"leave_out": why})


def rows(n: int) -> str:
    """`1 row`, `2 rows`."""
    return f"{n:,} row{'s' if n != 1 else ''}"
