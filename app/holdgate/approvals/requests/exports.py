"""The inbox as CSV or JSON: who was asked what, and what came of it."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from holdgate.approvals.requests import inbox
from holdgate.approvals.requests.inbox import InboxRow
from holdgate.core import exports
from holdgate.core.db import Database, ReadSession
from holdgate.core.paging import Cursor
from holdgate.core.principal import Principal
from holdgate.core.text.masking import masked_text

COLUMNS = (
    "id",
    "task_id",
    "task",
    "kind",
    "hold",
    "title",
    "state",
    "asked",
    "needed",
    "created_at",
    "expires_at",
    "decided_at",
    "decided_by",
    "reason",
)


async def rows(
    database: Database, by: Principal, which: str, *, size: int = exports.CHUNK
) -> AsyncIterator[list[dict[str, Any]]]:
    """As the inbox shows `which` to this person, in its order."""

    async def read(session: ReadSession, after: Cursor | None, limit: int) -> Sequence[InboxRow]:
        return await inbox.inbox(session, by, which, after=after, limit=limit)

    async for found in exports.chunks(database, read, lambda row: inbox.place_of(row, which, by), size):
        yield [_plain(row) for row in found]


def _plain(row: InboxRow) -> dict[str, Any]:
    given = {
        "task": masked_text(row.task.title or ""),
        "kind": row.task.kind,
        "title": masked_text(row.approval.title),
        "asked": [person.email for person in row.standing.recipients],
        "reason": masked_text(row.approval.reason or ""),
    }
    return {name: given[name] if name in given else getattr(row.approval, name) for name in COLUMNS}
