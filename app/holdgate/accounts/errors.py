"""Refusals around people, their links and sessions."""

from holdgate.core.errors import Conflict, Forbidden, Gone, NotFound, Unauthorized


class LinkDead(Gone):
    """Used, expired, replaced by a newer one, guessed at too often, or never made: the answer is the same."""

    title = "This sign-in link no longer works"

    def __init__(self) -> None:
        super().__init__("A link works once and for 15 minutes. Ask for a new one; it takes a moment.")


class MayNotSignIn(Forbidden):
    """The address is real, its owner has proved it, and still nobody lets them in."""

    title = "You cannot sign in here"

    def __init__(self) -> None:
        super().__init__("This address has no access. An administrator of this Holdgate can give it.")


class AccessEnded(Forbidden):
    """A disabled person, with a link of theirs or in the middle of a request."""

    title = "Your access has ended"

    def __init__(self) -> None:
        super().__init__(
            "Your access to this Holdgate has ended, so nothing was shown or changed. "
            "If that is a mistake, ask an administrator."
        )


class UserNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("No such user.")


class SessionNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("No such session. It may have already ended.")


class LastAdmin(Conflict):
    title = "Last administrator"

    def __init__(self) -> None:
        super().__init__("This is the last administrator who can sign in. Make another user administrator first.")


class TokenNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("No such token. It may have been revoked.")


class BadToken(Unauthorized):
    """A token that is not valid. Which of the reasons it is helps only its owner's guesses: it is in the log."""

    title = "This token is not valid"

    def __init__(self, why: str = "It is unknown, revoked or expired.") -> None:
        super().__init__(why)
        self.headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}


class AbsenceNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("No such absence. It may have been deleted.")
