"""Every list that people filter can be taken along: whole, in its order, safe for spreadsheets, and one's own only."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy import inspect

from holdgate.approvals.requests import exports as approvals
from holdgate.approvals.requests import inbox
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.postings import exports as postings
from holdgate.postings.queries import Search
from holdgate.runs import exports as runs
from holdgate.runs.service import start_run
from holdgate.tasks.service import TaskRequest
from tests.factories.approvals import decided, principal, put_question
from tests.factories.bulk import buried
from tests.factories.postings import listed, make_postings, row
from tests.factories.site import browser_of

FORMULA = '=HYPERLINK("http://evil.example","x")'


@pytest.fixture
async def owner(database: Database) -> Principal:
    return await principal(database)


async def start(database: Database, by: Principal, *names: str) -> None:
    for name in names:
        async with database.write(by.actor) as session:
            tasks = [TaskRequest(kind="test.nothing", payload={}) for _ in range(2)]
            await start_run(session, by, name, tasks)


def cells(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


async def whole(found: AsyncIterator[Any], name: str) -> list[str]:
    return [each[name] async for chunk in found for each in chunk]


async def test_a_list_is_exported_as_its_page_shows_it_and_nobody_else_s(
    database: Database, settings: Settings, site: httpx.ASGITransport, owner: Principal
) -> None:
    await start(database, owner, "First", FORMULA)
    await make_postings(database, owner, row(1, "Typesetter"), row(2, FORMULA), row(3, "Printer"))
    open_one = await put_question(database, settings)
    dead = await buried(database, 2, FORMULA, owner_id=owner.id, title="Call https://x.example/?token=abcdef123456")
    done = await decided(database, settings)
    async with browser_of(site, owner) as browser:
        for name in ("runs", "postings", "approvals", "dead-letters"):
            page = await browser.get(f"/{name}")
            for kind in ("csv", "json"):
                assert f'href="/{name}/export.{kind}' in page.text
            answer = await browser.get(f"/{name}/export.csv")
            assert answer.headers["content-disposition"] == f'attachment; filename="{name}.csv"'
        sent = cells(await browser.get("/runs/export.csv"))
        assert [(each["name"], each["state"], each["tasks"], each["queued"]) for each in sent] == [
            ("'" + FORMULA, "active", "2", "2"),
            ("First", "active", "2", "2"),
        ]
        assert [each["name"] for each in (await browser.get("/runs/export.json")).json()] == [FORMULA, "First"]
        found = cells(await browser.get("/postings/export.csv?q=types"))
        assert [each["title"] for each in found] == ["Typesetter"]
        assert len((await browser.get("/postings/export.json?applied=yes")).json()) == 0
        titles = {each["title"] for each in cells(await browser.get("/postings/export.csv"))}
        assert titles == {"Typesetter", "'" + FORMULA, "Printer"}
        [waiting] = (await browser.get("/approvals/export.json?show=all")).json()
        assert (waiting["id"], waiting["state"]) == (str(open_one.approval_id), "pending")
        assert "owner@example.org" in waiting["asked"]
        [over] = cells(await browser.get("/approvals/export.csv?show=decided"))
        assert (over["id"], over["state"]) == (str(done.approval_id), "approved")
        assert over["decided_by"]
        [group] = cells(await browser.get("/dead-letters/export.csv"))
        assert (group["n"], group["message"], group["sample_id"] in map(str, dead)) == ("2", "'" + FORMULA, True)
        assert (
            group["sample_title"].startswith("Call https://x.example/") and "abcdef123456" not in group["sample_title"]
        )
    async with browser_of(site, await principal(database, "eve@example.org")) as eve:
        for path in ("/runs/export", "/postings/export", "/approvals/export", "/dead-letters/export"):
            assert (await eve.get(f"{path}.json?show=all")).json() == []
            assert cells(await eve.get(f"{path}.csv?show=decided")) == []


async def test_chunks_follow_each_other_without_gap_or_repetition(
    database: Database, settings: Settings, owner: Principal
) -> None:
    await start(database, owner, *"abcde")
    await make_postings(database, owner, *(row(n, f"Job {n}") for n in range(5)))
    jobs = [posting.title for posting in await listed(database, owner)]
    asked = [str((await put_question(database, settings)).approval_id) for _ in range(5)]
    for size in (1, 2, 5):
        assert await whole(runs.rows(database, owner, size=size), "name") == list("edcba")
        titles = await whole(postings.rows(database, owner.id, Search(), size=size), "title")
        assert titles == jobs
        ids = await whole(approvals.rows(database, owner, "all", size=size), "id")
        assert list(map(str, ids)) == asked, "the nearest deadline first"


async def test_the_inbox_is_listed_without_the_large_columns_that_no_list_shows(
    database: Database, settings: Settings, owner: Principal
) -> None:
    await put_question(database, settings)
    async with database.read() as session:
        [row] = await inbox.inbox(session, owner, "all", limit=2)
    assert inspect(row.task).unloaded >= {"payload", "result", "error"}
    assert inspect(row.approval).unloaded >= {"shown", "form", "answer"}
