"""What is asked and what is answered, as values: a question, a decision sent, the answer a handler sees."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeVar
from uuid import UUID

import msgspec

from holdgate.approvals import choices, forms
from holdgate.approvals.choices import Choices
from holdgate.approvals.errors import QuestionImpossible
from holdgate.approvals.forms import FormField
from holdgate.approvals.rules.shown import normal, plain
from holdgate.approvals.states import ApprovalState, ApprovalVerb, HoldType
from holdgate.groups.names import name_in
from holdgate.tasks.payloads.artifact import StoredArtifact

if TYPE_CHECKING:
    from holdgate.approvals.models import Approval
    from holdgate.core.config import Settings

F = TypeVar("F")
SUGGESTED: Literal["suggested"] = "suggested"  # in place of a time to decide


class Asker(NamedTuple):
    """The program that asks: the name of its token, which people are shown, and by what its requests are known."""

    name: str
    id: UUID


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a handler asks. `shown` and `fields` become plain data: exactly what the person sees.

    Raises:
        QuestionImpossible: a part cannot be shown or stored.
    """

    hold: HoldType
    step: str
    title: str
    shown: Any
    fields: tuple[FormField, ...] = ()
    choices: Choices = Choices()
    recipients: tuple[str, ...] = ()
    ttl: timedelta | None = None
    # By what people needed so far, and `ttl` while too little is known of that.
    suggested_ttl: bool = False
    take_back: timedelta = timedelta()
    continues_on_reject: bool = False
    continues_on_expire: bool = False
    # The group to go on with, once, when nobody has decided in time.
    escalates_to: str | None = None
    needed: int | Mapping[str, int] = 1
    clock: Literal["wall", "working"] = "wall"
    urgent: bool = False
    self_approval: bool = True
    level: Literal["link", "sign-in"] = "link"
    asker: Asker | None = None

    def __post_init__(self) -> None:
        try:
            title, shown = plain(self.title), normal(self.shown)
            fields = tuple(msgspec.structs.replace(field, value=plain(field.value)) for field in self.fields)
            plain([self.step, msgspec.to_builtins(fields), msgspec.to_builtins(self.choices)])
            choices.check(self.choices.options, needed=self.votes_needed)
        except QuestionImpossible as problem:
            raise QuestionImpossible(f"The approval request {self.step!r} {problem}.") from None
        for name, value in (("title", title), ("shown", shown), ("fields", fields)):
            msgspec.structs.force_setattr(self, name, value)

    @property
    def needed_by(self) -> Mapping[str, int]:
        """How many of each group; empty where anybody asked counts."""
        return {} if isinstance(self.needed, int) else self.needed

    @property
    def votes_needed(self) -> int:
        return self.needed if isinstance(self.needed, int) else sum(self.needed.values())

    @property
    def group_names(self) -> list[str]:
        """Those it asks, by whichever way."""
        named = [name for each in self.recipients if (name := name_in(each)) is not None]
        return list(dict.fromkeys([*named, *self.needed_by]))

    @property
    def version(self) -> str:
        """SHA-256 (hex) of what is shown; a decision names it."""
        return sha256(_shown(self.title, self.shown, self.fields, self.choices)).hexdigest()

    def alike(self, run_id: UUID | None, kind: str) -> str | None:
        """The same (SHA-256, hex) for the questions of a run that can be decided together: the same step of the same
        kind, the same form but for its values, the same rules. None where that makes no sense."""
        if run_id is None or self.hold is not HoldType.APPROVAL:
            return None
        form = [{**msgspec.to_builtins(field), "value": None} for field in self.fields]
        ends = [self.continues_on_reject, self.continues_on_expire, self.escalates_to]
        rules = [self.choices, self.needed, self.self_approval, self.level, ends]
        times = [self.ttl.total_seconds() if self.ttl else None, self.take_back.total_seconds(), self.clock]
        same = [str(run_id), kind, self.step, form, rules, times]
        return sha256(msgspec.json.encode(same, order="sorted")).hexdigest()


class AskOutcome(StrEnum):
    """What became of a question that was put."""

    ASKED = "asked"
    LOST = "lost"
    """its task is not this attempt's any more"""
    UNKNOWN = "unknown"
    """nothing: the step has asked something that the caller does not know"""


@dataclass(frozen=True)
class Answer(Generic[F]):
    """A decision as the handler sees it. `option`: which was chosen, where the request offered some."""

    decision: ApprovalState
    filled: F | None
    by: str
    reason: str | None
    option: str | None = None

    @property
    def form(self) -> F:
        """The form as the person left it. A refusal, which only `continue` lets a handler see, has none."""
        if self.filled is None:
            raise LookupError(f"The question was {self.decision} and had no form filled in.")
        return self.filled

    @property
    def approved(self) -> bool:
        """Whether they agreed, or answered."""
        return self.decision in (ApprovalState.APPROVED, ApprovalState.ANSWERED)

    @property
    def changes(self) -> str | None:
        """What somebody wants changed, who neither approved nor rejected."""
        return self.reason if self.decision is ApprovalState.CHANGES_REQUESTED else None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What a person sends: the version they saw, what they decided, the form as they left it. Where options are offered
    `option` names one, and says the verb. Without a `form` several who decide leave it as it is shown."""

    version: str
    verb: ApprovalVerb | None = None
    option: str | None = None
    form: dict[str, Any] | None = None
    reason: str = ""


class EarlierForm(msgspec.Struct, frozen=True, kw_only=True):
    """A version that is over because one of several who decide changed the form: `values` are those they replaced."""

    version: str
    values: dict[str, Any]
    changed_by: str


class ApprovalPace(msgspec.Struct, frozen=True):
    """How many requests one person has open at once; and of how many within a minute they are told one by one."""

    at_once: int = 10
    digest_after: int = 3


PACE = ApprovalPace()


def pace_of(settings: "Settings") -> ApprovalPace:
    """What `APPROVALS_AT_ONCE` and `DIGEST_AFTER` say."""
    return ApprovalPace(settings.approvals_at_once, settings.digest_after)


def _shown(title: str, shown: Any, fields: tuple[FormField, ...], choices: Choices) -> bytes:
    return msgspec.json.encode([title, shown, fields, choices], order="sorted")


def as_shown(approval: "Approval", fields: tuple[FormField, ...] | None = None) -> bytes:
    """The very bytes (JSON) whose SHA-256 is the version; or would be, with these fields."""
    return _shown(
        approval.title, approval.shown, fields_of(approval) if fields is None else fields, choices_of(approval)
    )


def fields_of(approval: "Approval") -> tuple[FormField, ...]:
    return msgspec.convert((approval.form or {}).get("fields", ()), tuple[FormField, ...])


def earlier_forms(approval: "Approval") -> list[EarlierForm]:
    """Oldest first."""
    return msgspec.convert((approval.form or {}).get("earlier", ()), list[EarlierForm])


def form_files(approval: "Approval") -> list[tuple[str, StoredArtifact]]:
    """Label and file: those in its form, as it is or was before somebody changed it, and in its answer, each once."""
    found = {}
    for field in fields_of(approval):
        given = [field.value, *(earlier.values.get(field.name) for earlier in earlier_forms(approval))]
        for value in (*given, (approval.answer or {}).get(field.name)) if field.type == "file" else ():
            if isinstance(value, dict):
                found[value["id"]] = field.label, msgspec.convert(value, StoredArtifact)
    return list(found.values())


def asked_fields(approval: "Approval") -> tuple[FormField, ...]:
    """As the step asked, before anybody changed one."""
    asked: dict[str, Any] = {}
    for earlier in reversed(earlier_forms(approval)):
        asked |= earlier.values
    fields = fields_of(approval)
    return tuple(msgspec.structs.replace(each, value=asked.get(each.name, each.value)) for each in fields)


def choices_of(approval: "Approval") -> Choices:
    return msgspec.convert(approval.choices, Choices)


def form_of(form: type[Any] | None, values: Any) -> tuple[FormField, ...]:
    return () if form is None else forms.from_type(form, values)


def escalation_of(step: str, on_expire: str) -> str | None:
    """The group of `escalate:group:leads`; None for `stop` and `continue`. Raises QuestionImpossible for the rest."""
    if on_expire in ("stop", "continue"):
        return None
    verb, _, group = on_expire.partition(":")
    name = name_in(group) if verb == "escalate" else None
    if not name:
        raise QuestionImpossible(
            f"The approval request {step!r} has on_expire={on_expire[:100]!r}. Use 'stop', 'continue', or "
            "'escalate:group:NAME' with a group's name."
        )
    return name
