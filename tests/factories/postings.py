"""Postings made directly, without a file."""

import re
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx
from sqlalchemy import text

from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.postings import service
from holdgate.postings.formats import Parsed, PostingRow
from holdgate.postings.imports import service as imports
from holdgate.postings.queries import Listed, Search, list_postings
from holdgate.tasks.service import TaskRequest, enqueue
from tests.tasks import kinds  # noqa: F401

SAMPLES = Path(__file__).parents[2] / "docs" / "samples"
DAY = timedelta(days=1)


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
        import_id = await imports.keep(session, owner, "made", parsed)
        done = await imports.confirm(session, owner, import_id, leave_out_errors=False)
        assert done.new == len(rows)
        return [p.id for p in await list_postings(session, owner.id, Search(), 100_000) if p.id not in before]


async def listed(database: Database, owner: Principal, q: str = "", applied: bool | None = None) -> list[Listed]:
    async with database.read() as session:
        return await list_postings(session, owner.id, Search(q, applied), 100_000)


async def make_task(database: Database) -> UUID:
    async with database.write("system") as session:
        return await enqueue(session, TaskRequest(kind="test.nothing", payload={}))


async def count(database: Database, table: str) -> int:
    async with database.read() as session:
        return int((await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())


async def runs(database: Database) -> list[tuple[UUID, str, int]]:
    """(id, name, number of tasks) of every run."""
    async with database.read() as session:
        rows = await session.execute(
            text("SELECT r.id, r.name, (SELECT count(*) FROM tasks t WHERE t.run_id = r.id) FROM runs r ORDER BY r.id")
        )
        return [(row[0], row[1], row[2]) for row in rows]


async def apply_to(database: Database, posting_id: UUID) -> None:
    task_id = await make_task(database)
    async with database.write("system") as session:
        await service.mark_applied(session, posting_id, task_id)


def ticked(page: httpx.Response) -> set[UUID]:
    return {UUID(id) for id in re.findall(r'name="posting" value="([^"]+)" data-select checked', page.text)}
