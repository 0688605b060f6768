"""Postings made directly, without a file."""

from datetime import timedelta
from uuid import UUID

from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.postings.formats import Parsed, PostingRow
from holdgate.postings.imports import service
from holdgate.postings.queries import Listed, Search, list_postings
from holdgate.tasks.service import TaskRequest, enqueue
from tests.tasks import kinds  # noqa: F401


def row(
    number: int, title: str, *, company: str = "Harrow", location: str = "Leeds", description: str = ""
) -> PostingRow:
    url = f"https://harrow.example/{number}/{abs(hash((title, company, location)))}"
    return PostingRow(number, title, company, location, url, url, url, description, "", [], {})


async def make_postings(database: Database, owner: Principal, *rows: PostingRow | str) -> list[UUID]:
    """One import of these rows, or titles. Returns the ids in their order."""
    parsed = Parsed("csv", [row(n, r) if isinstance(r, str) else r for n, r in enumerate(rows, 2)], [])
    async with database.write("system") as session:
        before = {p.id for p in await list_postings(session, owner.id, Search(), 100_000)}
        import_id = await service.keep(session, owner, "made", parsed)
        done = await service.confirm(session, owner, import_id, leave_out_errors=False)
        assert done.new == len(rows)
        return [p.id for p in await list_postings(session, owner.id, Search(), 100_000) if p.id not in before]


async def listed(database: Database, owner: Principal, q: str = "", applied: bool | None = None) -> list[Listed]:
    async with database.read() as session:
        return await list_postings(session, owner.id, Search(q, applied), 100_000)


async def make_task(database: Database) -> UUID:
    async with database.write("system") as session:
        return await enqueue(session, TaskRequest(kind="test.nothing", payload={}))


DAY = timedelta(days=1)
