"""Refusals when people decide."""

from datetime import datetime

from holdgate.core.errors import Conflict, Forbidden, Gone, Invalid, NotFound
from holdgate.core.principal import name_of
from holdgate.core.text.zones import clock_of


class ApprovalNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("There is no such request, or you are not among those asked.")


class AlreadyDecided(Conflict):
    """Somebody was quicker."""

    def __init__(self, outcome: str, by: str, at: datetime) -> None:
        self.outcome, self.by, self.at = outcome, by, at
        super().__init__(f"This request was already {outcome} by {name_of(by)} at {clock_of(at)}. Nothing was changed.")


class QuestionExpired(Gone):
    def __init__(self) -> None:
        super().__init__("The time to decide is over, so nothing was changed. You can ask for a fresh link.")


class QuestionChanged(Conflict):
    """What was shown is not what would be done now."""

    def __init__(self) -> None:
        super().__init__("The request has changed since you opened it. Please look at it again, then decide.")


class TooLateToTakeBack(Conflict):
    def __init__(self) -> None:
        super().__init__("It cannot be taken back any more: the task has gone on or has ended.")


class NoReceipt(NotFound):
    def __init__(self) -> None:
        super().__init__("There is no receipt yet: nothing is decided, or the decision can still be taken back.")


class NotAsked(Forbidden):
    def __init__(self, sentence: str = "Only the people asked can decide this.") -> None:
        super().__init__(sentence)


class AlreadyVoted(Conflict):
    """A second decision by the same person, perhaps by another way or from another address of theirs."""

    def __init__(self, verb: str, at: datetime) -> None:
        done = {"approve": "approved this", "reject": "rejected this", "answer": "answered this"}
        done["request_changes"] = "requested changes of this"
        super().__init__(f"You have {done[verb]} already, at {clock_of(at)}. It counts once.")


class PassedOn(Conflict):
    """It is a colleague's to decide now."""

    def __init__(self, to: str) -> None:
        super().__init__(f"You have passed this on to {to}, who decides in your place. Nothing was changed.")


class SelfApproval(Forbidden):
    """Whoever started it, or changed its payload, is barred."""

    def __init__(self) -> None:
        super().__init__("You started or changed this yourself, and it needs somebody else to decide.")


class SignInNeeded(Forbidden):
    """The personal link alone, or a token, is not enough for this question."""

    def __init__(
        self, sentence: str = "This is decided by people who have signed in; the link alone is not enough."
    ) -> None:
        super().__init__(sentence)


class QuestionImpossible(Invalid):
    """A handler asks for what can never be had."""
