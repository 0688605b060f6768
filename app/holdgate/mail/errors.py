"""What can go wrong with a mail. The messages are shown to people and stored: they hold no secret and no link."""

from holdgate.core.errors import Invalid


class UnknownLetter(Invalid):
    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"There is no mail template {name!r}. Known: {', '.join(known) or 'none'}.")


class LetterMismatch(Invalid):
    """The data given do not fit the letter's `Data`."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"Invalid data for the email template {name}: {problem}.")


class NotNeeded(Exception):
    """Raised by a letter's `prepare`: the mail has become pointless (decided, used, withdrawn). Nothing is sent."""


class MailError(Exception):
    """A mail was not accepted. `code` is the server's answer when there was one."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class TemporaryMailError(MailError):
    """Worth trying again: the server is away, slow, busy, greylisting, or itself set up wrongly."""


class UnansweredMail(TemporaryMailError):
    """It may have had the message already when it fell silent, so another attempt may make two of it."""


class PermanentMailError(MailError):
    """Trying again would not help: this recipient or this message is refused."""
