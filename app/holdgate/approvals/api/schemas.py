"""Approvals as programs read and decide them."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

import msgspec

from holdgate.api.paging import ListPart, Paged
from holdgate.approvals.choices import MOST_NAME, Option
from holdgate.approvals.evidence.receipts import Receipt
from holdgate.approvals.models import Approval, Note
from holdgate.approvals.requests.inbox import Detail
from holdgate.approvals.rules.tally import Standing
from holdgate.approvals.states import ApprovalState, HoldType
from holdgate.approvals.values import choices_of, fields_of
from holdgate.tasks.schemas import Moment


class ApprovalItem(msgspec.Struct, frozen=True, kw_only=True):
    """A question put to people. `expires_at` is null until the first of them could be told. `option`: which was chosen,
    where there were some. `withdrawn_at`: from then on what was decided does not count any more: the request, or the
    payload of its task, has changed. `asker`: the program that asks; null for a task."""

    id: UUID
    task_id: UUID
    hold: HoldType
    title: str
    state: ApprovalState
    created_at: Moment
    expires_at: Moment | None
    decided_at: Moment | None
    decided_by: str | None
    option: str | None
    reason: str | None
    withdrawn_at: Moment | None
    asker: str | None


class FieldItem(msgspec.Struct, frozen=True, kw_only=True):
    """A field of the form that goes with a decision. `value` is what it shows at first."""

    name: str
    label: str
    type: str
    required: bool
    options: list[str]
    value: Any
    hint: str


class AskedItem(msgspec.Struct, frozen=True, kw_only=True):
    """A person asked. `turn`: `open` is theirs to decide; `waiting` has to wait until they have decided others, `ahead`
    of which come before it; null is over for them. The clock starts when the first of them is told.
    `because`: why they were asked, `member of security` for one; empty for who was named."""

    email: str
    state: str
    turn: Literal["open", "waiting"] | None
    ahead: int | None
    because: str


class QuotaItem(msgspec.Struct, frozen=True):
    """How many of a group have approved, each person counting once for one group, and how many must."""

    group: str
    approved: int
    needed: int


class NoteItem(msgspec.Struct, frozen=True, kw_only=True):
    """A clarification that somebody requested of the owner. Ended without an answer, it was withdrawn."""

    id: UUID
    asked_by: str
    question: str
    asked_at: Moment
    answer: str | None
    ended_by: str | None
    ended_at: Moment | None


class QuestionItem(ApprovalItem, frozen=True, kw_only=True):
    """A question as it is decided. A decision names `version`, so that what was seen and what is done are the same.
    Where there are `options`, it names one of them instead of approving or rejecting. `request_changes`: that may be
    done, too.
    """

    version: str
    shown: Any
    fields: list[FieldItem]
    options: list[Option]
    request_changes: bool


class DecisionItem(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided, once that stands. `option`: the one chosen of those offered, else `approve`, `reject`,
    `request_changes` or `answer`. `form`: as the approver left it."""

    option: str
    form: dict[str, Any]
    by: str
    at: Moment
    reason: str | None


class SignedReceipt(msgspec.Struct, frozen=True):
    """`receipt` is what is signed: `holdgate verify` checks it."""

    receipt: dict[str, Any]
    signature: dict[str, str]


class ApprovalDetail(QuestionItem, frozen=True, kw_only=True):
    """A question whole. `stopped_at`: its deadline is paused since then, for a question to the owner. `goes_on_at`:
    until then the approval can be undone. `needed`: how many people must approve; `needed_by`: how many of which
    group, where groups are counted. `group`: of questions that can be decided together. `decision` and `receipt` are
    null until the decision stands; `metadata` is null for whoever did not ask."""

    answer: Any
    recipients: list[AskedItem]
    needed: int
    needed_by: list[QuotaItem]
    notes: list[NoteItem]
    stopped_at: Moment | None
    goes_on_at: Moment | None
    group: str | None
    url: str
    decision: DecisionItem | None
    receipt: SignedReceipt | None
    metadata: dict[str, Any] | None


class ApprovalPage(ListPart, frozen=True, kw_only=True):
    items: list[ApprovalItem]


class ApprovalQuery(Paged, frozen=True, kw_only=True):
    """Newest first: those one was asked or owns, an administrator's token everybody's."""

    state: ApprovalState | None = None
    task_id: UUID | None = None
    mine: Annotated[bool, msgspec.Meta(description="Only what waits for this person now.")] = False


class ApprovalWait(msgspec.Struct, frozen=True):
    wait: Annotated[
        int, msgspec.Meta(ge=0, le=60, description="Answer once the decision stands, or after so many seconds.")
    ] = 0


class ApprovalExportQuery(msgspec.Struct, frozen=True):
    show: Annotated[
        Literal["mine", "later", "all", "decided"],
        msgspec.Meta(
            description="What waits for this person, what waits for its turn with them, all that is open, or what is "
            "decided."
        ),
    ] = "mine"


Entry: TypeAlias = str | int | float | bool | None
Form = dict[str, Entry | list[Entry]]
Version = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
OptionName = Annotated[str, msgspec.Meta(max_length=MOST_NAME)]
Reason = Annotated[str, msgspec.Meta(max_length=2000)]


class NewDecision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`answer` is for questions that need input; `option` is one of those offered and needs no `decision`. A rejection
    and a request for changes need a `reason`. `form` holds the fields' values."""

    version: Version
    decision: Literal["approve", "reject", "request_changes", "answer"] | None = None
    option: OptionName | None = None
    reason: Reason = ""
    form: Form = {}


class NewAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer to what a task asks. Without `version` it answers whatever is asked now."""

    form: Form = {}
    version: Version | None = None


class Decided(msgspec.Struct, frozen=True):
    """How the question now stands: still `pending` when more people have to agree, or it was taken back."""

    id: UUID
    task_id: UUID
    state: ApprovalState


def item(approval: Approval) -> ApprovalItem:
    return ApprovalItem(**_plain(approval))


def question(approval: Approval) -> QuestionItem:
    return QuestionItem(**_whole(approval))


def detail(
    found: Detail,
    notes: Sequence[Note],
    standing: Standing,
    *,
    receipt: Receipt | None = None,
    metadata: dict[str, Any] | None = None,
    base_url: str = "",
) -> ApprovalDetail:
    approval = found.approval
    return ApprovalDetail(
        **_whole(approval),
        answer=approval.answer,
        recipients=[
            AskedItem(
                email=person.email,
                state=person.state,
                turn=msgspec.convert(person.turn, Literal["open", "waiting"] | None),
                ahead=found.ahead.get(person.id),
                because=person.because,
            )
            for person in found.recipients
        ],
        needed=standing.needed,
        needed_by=[QuotaItem(*each) for each in standing.progress],
        notes=[_note(note) for note in notes],
        stopped_at=approval.stopped_at,
        goes_on_at=approval.goes_on_at,
        group=approval.alike,
        url=f"{base_url}/approvals/{approval.id}",
        decision=_decision(approval) if receipt else None,
        receipt=SignedReceipt(receipt.content, receipt.signature) if receipt else None,
        metadata=metadata,
    )


OPTIONS = {
    ApprovalState.APPROVED: "approve",
    ApprovalState.REJECTED: "reject",
    ApprovalState.CHANGES_REQUESTED: "request_changes",
    ApprovalState.ANSWERED: "answer",
}


def _decision(approval: Approval) -> DecisionItem | None:
    """None: it ended without one."""
    option = OPTIONS.get(ApprovalState(approval.state))
    if option is None or approval.decided_at is None:
        return None
    return DecisionItem(
        option=approval.option or option,
        form=approval.answer or {},
        by=approval.decided_by or "system",
        at=approval.decided_at,
        reason=approval.reason,
    )


def decided(approval: Approval) -> Decided:
    return Decided(approval.id, approval.task_id, ApprovalState(approval.state))


def _note(note: Note) -> NoteItem:
    return NoteItem(**{name: getattr(note, name) for name in NoteItem.__struct_fields__})


def _whole(approval: Approval) -> dict[str, Any]:
    fields = [
        FieldItem(
            name=field.name,
            label=field.label,
            type=field.type,
            required=field.required,
            options=list(field.options),
            value=field.value,
            hint=field.hint,
        )
        for field in fields_of(approval)
    ]
    choices = choices_of(approval)
    return {
        **_plain(approval),
        "version": approval.version,
        "shown": approval.shown,
        "fields": fields,
        "options": list(choices.options),
        "request_changes": choices.changes,
    }


def _plain(approval: Approval) -> dict[str, Any]:
    values = {name: getattr(approval, name) for name in ApprovalItem.__struct_fields__}
    return {**values, "hold": HoldType(approval.hold), "state": ApprovalState(approval.state)}
