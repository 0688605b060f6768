"""Every list leads on and back: the same pages both ways, nothing twice and nothing left out, its filter kept."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from html import unescape
from uuid import UUID

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy import select, text

import holdgate.core.paging
from holdgate.approvals.requests import deciding
from holdgate.bulk.states import BulkVerb
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.core.paging import Cursor
from holdgate.core.principal import Principal
from holdgate.runs.event_consumer import follow_log
from holdgate.runs.service import act, start_run
from holdgate.runs.states import RunVerb
from holdgate.tasks.models import Task
from holdgate.tasks.queue.claims import finish_tasks
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.service import TaskRequest
from holdgate.tasks.states import TaskState
from tests.factories.approvals import OWNER, Asked, approve, principal, put_question
from tests.factories.bulk import finish, run, start
from tests.factories.people import Browser, is_empty
from tests.factories.postings import make_postings
from tests.factories.schedules import plan
from tests.factories.site import browser_of, site_of
from tests.factories.tasks import make_task
from tests.factories.workers import until

MANY = 5
# The list, and what its rows are.
LISTS = {
    "/runs": "run",
    "/runs?state=active&q=of+five": "run",
    "/tasks": "task",
    "/tasks?sort=oldest": "task",
    "/tasks?sort=-priority": "task",
    "/approvals?show=mine": "approval",
    "/approvals?show=all": "approval",
    "/approvals?show=decided": "approval",
    "/schedules": "schedule",
    "/bulk": "bulk",
    "/postings": "posting",
}


@pytest.fixture
async def ann(database: Database) -> Principal:
    return await principal(database)


@pytest.fixture
async def browser(
    database: Database, settings: Settings, redis: Redis, ann: Principal, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Browser]:
    monkeypatch.setattr(holdgate.core.paging, "PAGE", 2)
    async with site_of(settings, database, redis) as site, browser_of(site, ann) as made:
        yield made


def link(page: httpx.Response, label: str) -> str | None:
    found = re.search(rf'<a class="button[^"]*"(?: rel="\w+")? href="([^"]+)">{label}</a>', page.text)
    return unescape(found[1]) if found else None


async def make_run(database: Database, by: Principal, name: str, state: TaskState = TaskState.QUEUED) -> UUID:
    async with database.write(by.actor) as session:
        made = await start_run(session, by, name, [TaskRequest(kind="test.nothing", payload={})])
    if state is TaskState.SUCCEEDED:
        async with database.read() as session:
            ids = list((await session.execute(select(Task.id).where(Task.run_id == made))).scalars())
        outcomes = await run(database, ids)
        async with database.write("worker:x") as session:
            await finish_tasks(session, outcomes)
    return made


async def fill(database: Database, settings: Settings, by: Principal, path: str) -> None:
    """Gives the list five rows."""
    asked: list[Asked] = []
    for n in range(MANY):
        if path.startswith("/runs"):
            await make_run(database, by, f"{n} of five")
        elif path.startswith("/tasks"):
            await make_task(database, owner_id=by.id)
        elif path.startswith("/approvals"):
            # One without a deadline, which is last.
            decides = path.endswith("decided")
            asked.append(await put_question(database, settings, name=str(n), deliver=decides or n != 1))
        elif path == "/schedules":
            await plan(database, by)
        elif path == "/bulk":
            await make_task(database, owner_id=by.id)
            await start(database, by, BulkVerb.CANCEL, TaskFilter(states=(TaskState.QUEUED,)))
            await finish(database)
    if path == "/approvals?show=decided":
        for each in asked:
            async with database.write(f"recipient:{OWNER}") as session:
                await deciding.decide_by_link(session, each.hashes()[0], approve(each), source="192.0.2.1")
    if path == "/postings":
        await make_postings(database, by, *(f"Job {n}" for n in range(MANY)))


@pytest.mark.parametrize("path", LISTS)
async def test_the_pages_of_a_list_lead_on_and_back(
    database: Database, settings: Settings, ann: Principal, browser: Browser, path: str
) -> None:
    await fill(database, settings, ann, path)
    row = re.compile(rf'<tr id="({LISTS[path]}-[^"]+)"')
    page = await browser.get(path)
    assert link(page, "Previous") is None and link(page, "First page") is None
    pages = [row.findall(page.text)]
    while following := link(page, "Next"):
        page = await browser.get(following)
        pages.append(row.findall(page.text))
    assert [len(rows) for rows in pages] == [2, 2, 1]
    assert len({each for rows in pages for each in rows}) == MANY, "nothing twice"
    first = link(page, "First page")
    assert first is not None and row.findall((await browser.get(first)).text) == pages[0]
    turned = [pages[-1]]
    while before := link(page, "Previous"):
        page = await browser.get(before)
        turned.append(row.findall(page.text))
    assert turned == pages[::-1]
    assert link(page, "First page") is None, "that is where it has come to"
    assert (await browser.get(f"{path}{'&' if '?' in path else '?'}cursor=nonsense")).status_code == 422


@pytest.mark.parametrize("path", ["/runs", "/tasks", "/approvals", "/schedules", "/bulk", "/postings"])
async def test_a_page_behind_the_end_leads_to_the_first_one(browser: Browser, path: str) -> None:
    end = Cursor(datetime(1990 if path != "/approvals" else 8999, 1, 1, tzinfo=UTC), uuid7())
    page = await browser.get(f"{path}?cursor={end}")
    assert is_empty(page)
    first = link(page, "Go to first page")
    assert first is not None and first.split("?")[0] == path


async def test_runs_are_found_by_state_and_name_and_exported_as_shown(
    database: Database, ann: Principal, browser: Browser
) -> None:
    going = await make_run(database, ann, "Going on")
    paused = await make_run(database, ann, "100 % paused")
    cancelled = await make_run(database, ann, "Cancelled")
    finished = await make_run(database, ann, "Finished", TaskState.SUCCEEDED)
    async with database.write(ann.actor) as session:
        await act(session, ann, paused, RunVerb.PAUSE)
        await act(session, ann, cancelled, RunVerb.CANCEL)

    async def end_is_known() -> bool:  # what others write at the same time is waited for
        async with database.write("system") as session:
            await follow_log(session)
            ended = text("SELECT finished_at IS NOT NULL FROM runs WHERE id = :id")
            return bool(await session.scalar(ended, {"id": finished}))

    await until(end_is_known)
    expected = {
        "?state=active": [going],
        "?state=paused": [paused],
        "?state=finished": [finished],
        "?state=cancelled": [cancelled],
        "?q=going": [going],
        f"?q={finished}": [finished],
        "?q=%25": [paused],
        "?state=paused&q=going": [],
    }
    for query, runs in expected.items():
        page = await browser.get(f"/runs{query}")
        assert re.findall(r'<tr id="run-([^"]+)"', page.text) == [str(run) for run in runs], query
        assert f'href="/runs/export.csv{query.replace("&", "&amp;")}"' in page.text or not runs
        answer = await browser.get(f"/runs/export.json{query}")
        assert [each["id"] for each in answer.json()] == [str(run) for run in runs], query
    assert is_empty(await browser.get("/runs?state=paused&q=going"))
    assert re.search(r'aria-current="page">All', (await browser.get("/runs?state=nonsense")).text)
