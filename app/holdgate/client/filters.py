"""What lists can be narrowed by, as types: a wrong name is an error of the type checker. Everything given must hold."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypedDict
from uuid import UUID

import msgspec

Ids = UUID | str | Sequence[UUID | str]


class TaskFilters(TypedDict, total=False):
    """Which tasks; docs/reference/filters.md tells what each means.

    `created_…`, `finished_…`: a time, or how long ago: `2h`. payload: what it contains, `{"email": "a@b.c"}`. sort:
    which come first. limit: how many are read at once, up to 200; all of them come in the end.
    """

    state: str | Sequence[str]
    kind: str
    queue: str
    run_id: UUID | str
    subject: str
    owner: UUID | str
    fingerprint: str
    payload: str | Mapping[str, Any]
    q: str
    created_after: datetime | str
    created_before: datetime | str
    finished_after: datetime | str
    finished_before: datetime | str
    mail: Literal["only", "with", "without"]
    bulk: UUID | str
    id: Ids
    sort: Literal["newest", "oldest"]
    limit: int


class ApprovalFilters(TypedDict, total=False):
    """Which approval requests. `mine`: what waits for the token's person now. `limit`: how many are read at once."""

    state: str
    task_id: UUID | str
    mine: bool
    limit: int


def query_of(filters: Mapping[str, Any]) -> dict[str, str | int]:
    """As the API reads them. A time without a zone is the machine's, as everywhere in Python."""
    return {name: _text(value) for name, value in filters.items() if value is not None}


def _text(value: Any) -> str | int:
    match value:
        case int():
            return value
        case datetime():
            return value.astimezone().isoformat()
        case Mapping():
            return msgspec.json.encode(value).decode()
        case str() | UUID():
            return str(value)
    return ",".join(map(str, value))
