"""Approvals as programs read and decide them."""

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from app.api.paging import Paged
from app.approvals.models import Approval
from app.approvals.questions import fields_of
from app.approvals.reads import Detail
from app.approvals.states import ApprovalState, HoldType
from app.tasks.schemas import Moment


class ApprovalItem(msgspec.Struct, frozen=True, kw_only=True):
    """A question put to people. `expires_at` is null until the first of them could be told."""

    id: UUID
    task_id: UUID
    hold: HoldType
    title: str
    state: ApprovalState
    created_at: Moment
    expires_at: Moment | None
    decided_at: Moment | None
    decided_by: str | None
    reason: str | None


class FieldItem(msgspec.Struct, frozen=True, kw_only=True):
    """A field of the form that goes with a decision. `value` is what it shows at first."""

    name: str
    label: str
    type: str
    required: bool
    options: list[str]
    value: Any
    hint: str


class AskedItem(msgspec.Struct, frozen=True):
    email: str
    state: str


class ApprovalDetail(ApprovalItem, frozen=True, kw_only=True):
    """A question whole. A decision names `version`, so that what was seen and what is done are the same."""

    version: str
    shown: Any
    fields: list[FieldItem]
    answer: Any
    recipients: list[AskedItem]


class ApprovalPage(msgspec.Struct, frozen=True):
    items: list[ApprovalItem]
    next_cursor: str | None


class ApprovalQuery(Paged, frozen=True, kw_only=True):
    """Newest first: those one was asked or owns, an administrator's token everybody's."""

    state: ApprovalState | None = None
    task_id: UUID | None = None


Form = dict[str, str | int | float | bool | None]


class NewDecision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`answer` is for questions that need input. A rejection needs a `reason`. `form` holds the fields' values."""

    version: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    decision: Literal["approve", "reject", "answer"]
    reason: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    form: Form = {}


class NewAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer to what a task asks. Without `version` it answers whatever is asked now."""

    form: Form = {}
    version: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] | None = None


class Decided(msgspec.Struct, frozen=True):
    id: UUID
    task_id: UUID
    state: ApprovalState


def item(approval: Approval) -> ApprovalItem:
    return ApprovalItem(**_plain(approval))


def detail(found: Detail) -> ApprovalDetail:
    approval = found.approval
    return ApprovalDetail(
        **_plain(approval),
        version=approval.version,
        shown=approval.shown,
        fields=[
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
        ],
        answer=approval.answer,
        recipients=[AskedItem(person.email, person.state) for person in found.recipients],
    )


def _plain(approval: Approval) -> dict[str, Any]:
    values = {name: getattr(approval, name) for name in ApprovalItem.__struct_fields__}
    return {**values, "hold": HoldType(approval.hold), "state": ApprovalState(approval.state)}
