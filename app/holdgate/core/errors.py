"""Refusals that a person may read. Each carries its HTTP status; features derive their own. And what is away."""

from collections.abc import Mapping
from types import MappingProxyType


class AppError(Exception):
    """An expected refusal: `str(error)` is a sentence that says what is wrong and what to do."""

    status = 400
    title = "Something went wrong"
    headers: Mapping[str, str] = MappingProxyType({})


class Unauthorized(AppError):
    """Nobody is signed in."""

    status = 401
    title = "Sign in"
    headers: Mapping[str, str] = MappingProxyType({"WWW-Authenticate": "Bearer"})


class Forbidden(AppError):
    """Signed in, but not allowed."""

    status = 403
    title = "Not allowed"


class NotFound(AppError):
    """No such thing, or somebody else's: the answer is the same."""

    status = 404
    title = "Not found"


class TooSlow(AppError):
    """What the client sends takes too long to arrive."""

    status = 408
    title = "Too slow"


class Conflict(AppError):
    """The thing is no longer in a state in which this can be done."""

    status = 409
    title = "Already completed"


class Gone(AppError):
    """It was there, and has ended (an expired link)."""

    status = 410
    title = "No longer available"


class TooLarge(AppError):
    """The upload or body is over its limit."""

    status = 413
    title = "Too large"


class UnsupportedMedia(AppError):
    """The body is of a type that is not read here."""

    status = 415
    title = "Unsupported file type"


class Invalid(AppError):
    """Input that does not fit. `fields` maps a field's name to its sentence.

    For programs a name may be a path (`tasks[3].payload`), and one that begins with `?` is a query parameter.
    """

    status = 422
    title = "Check your input"

    def __init__(self, message: str, fields: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.fields = fields or {}


class TooMany(AppError):
    """A rate limit. `retry_after` is in whole seconds."""

    status = 429
    title = "Too many requests"

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.headers = {"Retry-After": str(retry_after)}


class Unavailable(AppError):
    """Something we depend on is away; asking again helps."""

    status = 503
    title = "Temporarily unavailable"

    def __init__(self, message: str, retry_after: int = 5) -> None:
        super().__init__(message)
        self.headers = {"Retry-After": str(retry_after)}


class FilesAway(Exception):
    """The store of files (core/files.py) does not answer, or refuses. Trying again may help."""
