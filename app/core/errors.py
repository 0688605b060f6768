"""Refusals that a person may read. Each carries its HTTP status; features derive their own."""


class AppError(Exception):
    """An expected refusal: `str(error)` is a sentence that says what is wrong and what to do."""

    status = 400
    title = "That did not work"


class Unauthorized(AppError):
    """Nobody is signed in."""

    status = 401
    title = "Please sign in"


class Forbidden(AppError):
    """Signed in, but not allowed."""

    status = 403
    title = "Not allowed"


class NotFound(AppError):
    """No such thing, or somebody else's: the answer is the same."""

    status = 404
    title = "Not found"


class Conflict(AppError):
    """The thing is no longer in a state in which this can be done."""

    status = 409
    title = "Too late, or already done"


class Gone(AppError):
    """It was there, and has ended (an expired link)."""

    status = 410
    title = "No longer available"


class TooLarge(AppError):
    """The upload or body is over its limit."""

    status = 413
    title = "Too large"


class Invalid(AppError):
    """Input that does not fit. `fields` maps a field's name to its sentence."""

    status = 422
    title = "Please check what you entered"

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
