"""Postings that a search finds as CSV or JSON."""

from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

from holdgate.core import exports
from holdgate.core.db import Database, ReadSession
from holdgate.core.paging import Cursor
from holdgate.postings import queries
from holdgate.postings.queries import Listed, Search

COLUMNS = ("id", "title", "company", "location", "url", "created_at", "applied_at", "applied_task_id")


async def rows(
    database: Database, scope: UUID | None, search: Search, *, size: int = exports.CHUNK
) -> AsyncIterator[list[dict[str, Any]]]:
    """Newest first, as the list."""

    async def read(session: ReadSession, place: Cursor | None, limit: int) -> Sequence[Listed]:
        return await queries.list_postings(session, scope, search, limit, place=place)

    async for found in exports.chunks(database, read, lambda row: Cursor(row.created_at, row.id), size):
        yield [{name: getattr(row, name) for name in COLUMNS} for row in found]
