"""Asking people from a program: a request, its decision, and the wait in between."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, TypedDict, TypeVar, Unpack
from uuid import UUID, uuid4

import msgspec

from holdgate.client import flows
from holdgate.client.approvals import Decided
from holdgate.client.flows import Flow, Id

F = TypeVar("F")
Shown = Mapping[str, Any] | Sequence[Any]


class AskOptions(TypedDict, total=False):
    """What may be said of a request beside its title and whom it asks; docs/ask.md tells what each means.

    form: a JSON Schema, or a type that has one (a dataclass, a struct, a pydantic model). ttl, take_back: a
    timedelta, seconds, or ISO 8601; ttl may be "suggested". dedupe: the same request, if it is open, is returned.
    metadata: given back, never shown.
    """

    form: Mapping[str, Any] | type[Any] | None
    values: Any
    options: Sequence[str | Mapping[str, Any]]
    request_changes: bool
    needed: int | Mapping[str, int]
    level: Literal["link", "sign-in"]
    ttl: timedelta | int | str
    clock: Literal["wall", "working"]
    urgent: bool
    on_expire: str
    take_back: timedelta | int | str
    callback_url: str
    metadata: Mapping[str, Any]
    dedupe: bool


class CreatedApproval(msgspec.Struct, frozen=True, kw_only=True):
    """An approval request that is there now. `url` is its page; `client.wait` gives its decision. `callback_secret`
    verifies what its `callback_url` is sent (`verify_webhook`): keep it."""

    id: UUID
    task_id: UUID
    state: str
    version: str
    url: str
    callback_secret: str | None = None


class UsedApproval(msgspec.Struct, frozen=True):
    """An approval that was taken just now: what was asked may be done, once."""

    id: UUID
    used_at: datetime


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """How a request stands. `option` is the choice by its name, `form` what was filled in, `by` who decided, `receipt`
    the signed evidence, as data; `client.receipt` gives it as the file that `holdgate verify` checks."""

    id: UUID
    task_id: UUID
    state: str
    option: str | None = None
    form: dict[str, Any] = {}
    by: str | None = None
    at: datetime | None = None
    reason: str | None = None
    receipt: Any = None
    metadata: Any = None

    @property
    def pending(self) -> bool:
        """Whether it may still be decided one way or the other: nobody has, or the approval can be undone."""
        return self.state == "pending" or (self.state == "approved" and self.receipt is None)

    @property
    def approved(self) -> bool:
        """Whether what was asked may be done, or the form is filled in."""
        return self.state == "approved" and not self.pending

    def read_form(self, kind: type[F]) -> F:
        """The form as a value of the type that asked for it. Raises msgspec.ValidationError."""
        from holdgate.core.text.typed import read_as

        read: F = read_as(kind, self.form)
        return read


class _Decided(msgspec.Struct, frozen=True):
    option: str | None = None
    form: dict[str, Any] | None = None
    by: str | None = None
    at: datetime | None = None
    reason: str | None = None


class _Answer(msgspec.Struct, frozen=True):
    id: UUID
    task_id: UUID
    state: str
    decision: _Decided | None = None
    receipt: Any = None
    metadata: Any = None


def create_approval(
    title: str,
    *,
    to: str | Sequence[str] = (),
    show: Shown | None = None,
    once: str = "",
    **options: Unpack[AskOptions],
) -> Flow[CreatedApproval]:
    """Ask people, and do not wait. Nobody in `to`: the token's person is asked. `show`: labelled values, or a list of
    blocks. `once`: an Idempotency-Key: called again with it, nobody is asked twice."""
    given = {"title": title, "recipients": [to] if isinstance(to, str) else list(to), "show": show, **options}
    body = {name: _plain(value) for name, value in given.items() if value not in (None, [], {}, "")}
    # With a key a request whose answer was lost is sent again safely.
    return (yield from flows.post(CreatedApproval, "/approvals", body, once=once or str(uuid4())))


def decision(id: Id, *, wait: int = 0) -> Flow[Decision]:
    """How a request stands; with `wait` (seconds, up to 60) the answer comes when it is decided, or then."""
    found = yield from flows.fetch(_Answer, f"/approvals/{id}", {"wait": wait} if wait else {}, extra=wait)
    told = found.decision or _Decided()
    return Decision(
        id=found.id,
        task_id=found.task_id,
        state=found.state,
        option=told.option,
        form=told.form or {},
        by=told.by,
        at=told.at,
        reason=told.reason,
        receipt=found.receipt,
        metadata=found.metadata,
    )


def wait_decision(id: Id, seconds: float | None) -> Flow[Decision]:
    """Raises TimeoutError after `seconds`; None: the request ends by itself when its time is over."""
    found = yield from flows.poll(lambda wait: decision(id, wait=wait), lambda found: not found.pending, seconds)
    if found.pending:
        raise TimeoutError(f"The approval request {id} is still open.")
    return found


def ask(
    title: str,
    *,
    to: str | Sequence[str] = (),
    show: Shown | None = None,
    seconds: float | None = None,
    once: str = "",
    **options: Unpack[AskOptions],
) -> Flow[Decision]:
    """Ask people, as `create_approval` does, and wait for the decision: `seconds` at most, else until the request's own
    time is over.

    Raises:
        TimeoutError: the request is still open, and stays so.
    """
    made = yield from create_approval(title, to=to, show=show, once=once, **options)
    return (yield from wait_decision(made.id, seconds))


def cancel_approval(id: Id, *, once: str = "") -> Flow[Decided]:
    """Cancel a request that you made and that is still open. Problem 409 when it is decided."""
    return (yield from flows.post(Decided, f"/approvals/{id}/cancel", once=once))


def use(id: Id, *, once: str = "") -> Flow[UsedApproval]:
    """Take an approval for what was asked, just before doing it: the first call gets it, and no other ever does.

    Raises:
        Problem: 409, when it has been used, or is not approved.
    """
    return (yield from flows.post(UsedApproval, f"/approvals/{id}/use", once=once or str(uuid4())))


def receipt(id: Id) -> Flow[bytes]:
    """The receipt of a decision, as the file that `holdgate verify` checks. Problem 404 while there is none."""
    return (yield from flows.download(f"/approvals/{id}/receipt"))


def _plain(value: Any) -> Any:
    return _schema(value) if isinstance(value, type) else value


def _schema(kind: type[Any]) -> dict[str, Any]:
    """A form's type as the schema of its fields, with nothing referred to."""
    from holdgate.core.text.typed import schema_of

    whole = schema_of(kind)
    parts = whole.pop("$defs", {})
    found: dict[str, Any] = _resolved(whole, parts)
    return found


def _resolved(part: Any, parts: Mapping[str, Any]) -> Any:
    if isinstance(part, list):
        return [_resolved(each, parts) for each in part]
    if not isinstance(part, dict):
        return part
    if (name := str(part.get("$ref", "")).rpartition("/")[2]) in parts:
        return _resolved(parts[name] | {key: value for key, value in part.items() if key != "$ref"}, parts)
    return {name: _resolved(value, parts) for name, value in part.items()}
