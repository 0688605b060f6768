"""Refusals when people decide."""

from datetime import datetime

from holdgate.core.errors import Conflict, Forbidden, Gone, Invalid, NotFound
from holdgate.core.principal import name_of
from holdgate.core.text.zones import clock_of


class ApprovalNotFound(NotFound):
    def __init__(self, sentence: str = "No such request, or you’re not one of its approvers.") -> None:
        super().__init__(sentence)


class LinkUnknown(ApprovalNotFound):
    """Of a personal link."""

    def __init__(self) -> None:
        super().__init__(
            "This link leads to no request: it was cut short, or the request is no longer stored. "
            "Open the one in your newest email."
        )


class AlreadyDecided(Conflict):
    """Somebody was quicker."""

    def __init__(self, outcome: str, by: str, at: datetime) -> None:
        self.outcome, self.by, self.at = outcome, by, at
        word = "sent back for changes" if outcome == "changes_requested" else outcome
        super().__init__(f"Already {word} by {name_of(by)} at {clock_of(at)}. Your decision wasn’t recorded.")


class QuestionExpired(Gone):
    def __init__(self) -> None:
        super().__init__("This request has expired, so your decision wasn’t recorded. You can ask for a new link.")


class QuestionChanged(Conflict):
    """What was shown is not what would be done now."""

    def __init__(self) -> None:
        super().__init__("This request changed since you opened it. Please review it again, then decide.")


class TooLateToTakeBack(Conflict):
    def __init__(self) -> None:
        super().__init__("It’s too late to undo: the task has resumed or ended.")


class NoReceipt(NotFound):
    def __init__(self) -> None:
        super().__init__("No receipt yet: the request is undecided, or the decision can still be undone.")


class NotAsked(Forbidden):
    def __init__(self, sentence: str = "Only its approvers can decide this.") -> None:
        super().__init__(sentence)


class AlreadyVoted(Conflict):
    """A second decision by the same person, perhaps by another way or from another address of theirs."""

    def __init__(self, verb: str, at: datetime) -> None:
        done = {"approve": "approved this", "reject": "rejected this", "answer": "answered this"}
        done["request_changes"] = "requested changes to this"
        super().__init__(f"You already {done[verb]} at {clock_of(at)}. It counts once.")


class PassedOn(Conflict):
    """It is a colleague's to decide now."""

    def __init__(self, to: str) -> None:
        super().__init__(f"You delegated this to {to}, who now decides. Your decision wasn’t recorded.")


class SelfApproval(Forbidden):
    """Whoever started it, or changed its payload, is barred."""

    def __init__(self) -> None:
        super().__init__("You can’t approve your own request. Somebody else has to decide.")


class SignInNeeded(Forbidden):
    """The personal link alone, or a token, is not enough for this question."""

    def __init__(self, sentence: str = "Sign in to decide this. The link alone isn’t enough.") -> None:
        super().__init__(sentence)


class QuestionImpossible(Invalid):
    """A handler asks for what can never be had."""
