"""What is asked and what is answered, as values: a question, a decision sent, the answer a handler sees."""

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, Generic, TypeVar

import msgspec

from app.approvals import forms
from app.approvals.forms import FormField
from app.approvals.models import Approval
from app.approvals.states import ApprovalState, ApprovalVerb, HoldType

F = TypeVar("F")


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a handler asks. `shown` and `fields` are plain data: exactly what the person sees."""

    hold: HoldType
    step: str
    title: str
    shown: Any
    fields: tuple[FormField, ...] = ()
    recipients: tuple[str, ...] = ()
    ttl: timedelta | None = None
    continues_on_reject: bool = False
    continues_on_expire: bool = False

    @property
    def version(self) -> str:
        """SHA-256 (hex) of what is shown; a decision names it."""
        return sha256(msgspec.json.encode([self.title, self.shown, self.fields], order="sorted")).hexdigest()


@dataclass(frozen=True)
class Answer(Generic[F]):
    """A decision as the handler sees it."""

    decision: ApprovalState
    filled: F | None
    by: str
    reason: str | None

    @property
    def form(self) -> F:
        """The form as the person left it. A refusal, which only `continue` lets a handler see, has none."""
        if self.filled is None:
            raise LookupError(f"The question was {self.decision} and had no form filled in.")
        return self.filled

    @property
    def approved(self) -> bool:
        return self.decision in (ApprovalState.APPROVED, ApprovalState.ANSWERED)


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What a person sends: the version they saw, what they decided, the form as they left it."""

    version: str
    verb: ApprovalVerb
    form: dict[str, Any] = {}
    reason: str = ""


def fields_of(approval: Approval) -> tuple[FormField, ...]:
    return msgspec.convert((approval.form or {}).get("fields", ()), tuple[FormField, ...])


def form_of(form: type[msgspec.Struct] | None, values: msgspec.Struct | None) -> tuple[FormField, ...]:
    return () if form is None else forms.from_struct(form, values)
