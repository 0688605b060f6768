"""Approval requests as the API tells them."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec


class ApprovalItem(msgspec.Struct, frozen=True, kw_only=True):
    """An approval request as lists have it. `expires_at` is None until the first person was told. `option`: which was
    chosen, where there were some. `asker`: the program that asks; None for a task."""

    id: UUID
    task_id: UUID
    hold: str
    title: str
    state: str
    created_at: datetime
    expires_at: datetime | None
    decided_at: datetime | None
    decided_by: str | None
    option: str | None
    reason: str | None
    withdrawn_at: datetime | None
    asker: str | None = None


class Option(msgspec.Struct, frozen=True):
    """A decision under a name of its own. One that does not go on rejects."""

    name: str
    goes_on: bool


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
    """A person who is asked, and how far they are. `turn`: `open` is theirs to decide, `waiting` has `ahead` others
    before it, None is over for them. `because`: why they are asked, where nobody named them."""

    email: str
    state: str
    because: str
    turn: str | None = None
    ahead: int | None = None


class QuotaItem(msgspec.Struct, frozen=True):
    """How many of a group have approved, and how many must."""

    group: str
    approved: int
    needed: int


class NoteItem(msgspec.Struct, frozen=True, kw_only=True):
    """A request for clarification, and its answer."""

    id: UUID
    asked_by: str
    question: str
    asked_at: datetime
    answer: str | None
    ended_by: str | None
    ended_at: datetime | None


class DecisionItem(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided, once that stands. `option`: the one chosen, else `approve`, `reject`, `request_changes` or
    `answer`. `form`: as the approver left it."""

    option: str
    form: dict[str, Any]
    by: str
    at: datetime
    reason: str | None


class SignedReceipt(msgspec.Struct, frozen=True):
    """`receipt` is what is signed: `holdgate verify` checks it."""

    receipt: dict[str, Any]
    signature: dict[str, str]


class ApprovalDetail(ApprovalItem, frozen=True, kw_only=True):
    """An approval request whole. A decision names its `version`: what was seen is what is decided. `decision` and
    `receipt` are None until the decision stands, `metadata` for whoever did not ask."""

    version: str
    shown: Any
    fields: list[FieldItem]
    options: list[Option]
    request_changes: bool
    needed: int
    needed_by: list[QuotaItem]
    answer: Any
    recipients: list[AskedItem]
    notes: list[NoteItem]
    stopped_at: datetime | None
    goes_on_at: datetime | None
    group: str | None
    url: str = ""
    decision: DecisionItem | None = None
    receipt: SignedReceipt | None = None
    metadata: dict[str, Any] | None = None

    @property
    def values(self) -> dict[str, Any]:
        """The form as it is proposed, to be decided as it is or with changes."""
        return {field.name: field.value for field in self.fields}


class Decided(msgspec.Struct, frozen=True):
    """How the request stands: still `pending` when more people have to agree."""

    id: UUID
    task_id: UUID
    state: str
