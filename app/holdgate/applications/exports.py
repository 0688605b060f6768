"""Applications that a search finds as CSV or JSON."""

from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

from holdgate.applications import queries
from holdgate.applications.queries import ApplicationSearch, ListedApplication
from holdgate.core import exports
from holdgate.core.db import Database, ReadSession
from holdgate.core.paging import Cursor

COLUMNS = tuple(name for name in ListedApplication._fields if name != "owner_id")


async def rows(
    database: Database, scope: UUID | None, search: ApplicationSearch, *, size: int = exports.CHUNK
) -> AsyncIterator[list[dict[str, Any]]]:
    """Newest first, as the list."""

    async def read(session: ReadSession, place: Cursor | None, limit: int) -> Sequence[ListedApplication]:
        return await queries.list_applications(session, scope, search, limit, place=place)

    async for found in exports.chunks(database, read, lambda row: Cursor(row.created_at, row.id), size):
        yield [{name: getattr(row, name) for name in COLUMNS} for row in found]
