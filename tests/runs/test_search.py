"""Finding pages, runs and tasks; the same list for the page and for the command palette."""

from collections.abc import AsyncIterator

import httpx
import pytest
from redis.asyncio import Redis

import tests.tasks.kinds  # noqa: F401
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.runs.service import start_run
from holdgate.tasks.search.lookup import id_range
from holdgate.tasks.service import TaskRequest
from tests.elements import elements, texts
from tests.factories.approvals import principal
from tests.factories.people import HTMX, Browser
from tests.factories.site import browser_of, site_of
from tests.factories.tasks import make_task


@pytest.fixture
async def transport(settings: Settings, database: Database, redis: Redis) -> AsyncIterator[httpx.ASGITransport]:
    async with site_of(settings, database, redis) as made:
        yield made


@pytest.fixture
async def ann(database: Database) -> Principal:
    return await principal(database, "ann@example.org")


@pytest.fixture
async def browser(transport: httpx.ASGITransport, ann: Principal) -> AsyncIterator[Browser]:
    async with browser_of(transport, ann) as made:
        yield made


async def test_a_task_is_found_by_its_id_the_beginning_of_it_and_its_title(
    database: Database, browser: Browser, ann: Principal
) -> None:
    task = await make_task(database, title="Sets 100% <type>", owner_id=ann.id)
    for text in (str(task), str(task)[:9], task.hex.upper(), "100%", "sets"):
        answer = await browser.get("/search", params={"q": text})
        assert f'href="/tasks/{task}"' in answer.text, text
    assert "&lt;type&gt;" in answer.text
    assert f"/tasks/{task}" not in (await browser.get("/search", params={"q": "1000"})).text


async def test_a_run_is_found_by_name_and_by_id(database: Database, browser: Browser, ann: Principal) -> None:
    async with database.write(ann.actor) as session:
        run = await start_run(session, ann, "Spring campaign", [TaskRequest(kind="test.nothing", payload={})])
    for text in ("spring", str(run)):
        assert f'href="/runs/{run}"' in (await browser.get("/search", params={"q": text})).text


async def test_nobody_finds_what_is_somebody_elses(
    database: Database, browser: Browser, transport: httpx.ASGITransport
) -> None:
    bob = await principal(database, "bob@example.org")
    task = await make_task(database, title="Secret plan", owner_id=bob.id)
    async with database.write(bob.actor) as session:
        run = await start_run(session, bob, "Secret run", [TaskRequest(kind="test.nothing", payload={})])
    for text in ("secret", str(task), str(run)):
        found = (await browser.get("/search", params={"q": text})).text
        assert f'href="/tasks/{task}"' not in found
        assert f'href="/runs/{run}"' not in found
    async with browser_of(transport, await principal(database, "root@example.org", admin=True)) as admin:
        assert f'href="/tasks/{task}"' in (await admin.get("/search", params={"q": "secret"})).text


async def test_pages_are_found_and_an_empty_search_lists_them_with_the_shortcuts(browser: Browser) -> None:
    assert 'href="/dead-letters"' in (await browser.get("/search", params={"q": "dead"}, headers=HTMX)).text
    page = await browser.get("/search")
    assert "j" in texts(page, "kbd")
    assert not elements(await browser.get("/search?q=zzz"), class_="found-list")


async def test_the_palette_gets_the_part_of_the_page(browser: Browser) -> None:
    part = await browser.get("/search?q=runs", headers=HTMX)
    assert part.text.lstrip().startswith('<section id="search-results"')
    assert part.text.strip() in (await browser.get("/search?q=runs")).text


@pytest.mark.parametrize("text", ["", "abc", "no id", "01a20689-faa8-701f-889d-0049bec22d9d0"])
def test_what_is_no_beginning_of_an_id_is_none(text: str) -> None:
    assert id_range(text) is None


async def test_too_long_a_search_is_refused(browser: Browser) -> None:
    assert (await browser.get("/search", params={"q": "x" * 201})).status_code == 422
