"""Limits of what people send by forms: exact over processes, told in headers, and nothing typed is lost."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from pathlib import Path

import httpx
import msgspec
import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from holdgate.accounts.queries import insert_session
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.core.tokens import digest, mint
from tests import processes
from tests.elements import alerts
from tests.factories.approvals import principal
from tests.factories.people import HTMX, Browser, words
from tests.factories.site import browser_of, hidden, site_of, stranger
from tests.servers import Servers


@pytest.mark.slow
@pytest.mark.slow
async def test_two_processes_let_exactly_sixty_of_two_hundred_forms_through(
    database: Database, servers: Servers, tmp_path: Path, redis: Redis
) -> None:
    ann = await principal(database, "ann@example.org")
    token = mint()
    async with database.write("system") as session:
        await insert_session(session, digest(token), ann.id, address="127.0.0.1", user_agent="")
    environ = processes.environment(servers, tmp_path, RATE_LIMIT_MAX="60", RATE_LIMIT_WINDOW="1h")
    ports = processes.free_port(), processes.free_port()
    with (
        processes.web(environ, tmp_path / "one.log", ports[0]),
        processes.web(environ, tmp_path / "two.log", ports[1]),
    ):
        async with httpx.AsyncClient(cookies={"hg_session": token}, timeout=60) as client:
            page = await client.get(f"http://127.0.0.1:{ports[0]}/tasks/new?kind=sample.task")
            form = {"kind": "sample.task", "_csrf_token": hidden(page.text, "_csrf_token")}
            answers = await asyncio.gather(
                *(client.post(f"http://127.0.0.1:{ports[n % 2]}/tasks", data=form) for n in range(200))
            )
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(303), statuses.count(429)) == (60, 140), next(a.text for a in answers if a.status_code > 399)
    async with database.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM tasks")) == 60


@pytest.fixture
async def site(settings: Settings, database: Database, redis: Redis) -> AsyncIterator[httpx.ASGITransport]:
    strict = msgspec.structs.replace(settings, rate_limit_max=3, rate_limit_window=timedelta(hours=1))
    async with site_of(strict, database, redis) as transport:
        yield transport


@pytest.fixture
async def ann(database: Database) -> Principal:
    return await principal(database, "ann@example.org")


async def rename(browser: Browser, name: str, **more: object) -> httpx.Response:
    return await browser.send_form("/settings/time-zone", {"time_zone": name, "note": "a <b>\nand c"}, **more)


async def test_answers_tell_how_the_limit_stands_and_when_to_go_on(site: httpx.ASGITransport, ann: Principal) -> None:
    async with browser_of(site, ann) as browser:
        for left in (2, 1, 0):
            answer = await rename(browser, "Europe/Berlin")
            assert answer.status_code == 303
            assert answer.headers["ratelimit-policy"] == '"page-write";q=3;w=3600'
            assert answer.headers["ratelimit"].startswith(f'"page-write";r={left};t=')
        refused = await rename(browser, "Europe/Paris")
        assert refused.status_code == 429
        assert 3500 < int(refused.headers["retry-after"]) <= 3600
        assert refused.headers["ratelimit"].startswith('"page-write";r=0;t=')
        assert words(refused).count("Too many requests") == 1 and "60 minutes" in alerts(refused)
        assert (await browser.get("/settings")).status_code == 200, "reading goes on"


async def test_the_page_that_refuses_sends_again_what_was_typed(
    site: httpx.ASGITransport, ann: Principal, redis: Redis, database: Database
) -> None:
    async with browser_of(site, ann) as browser:
        for _ in range(3):
            await rename(browser, "Europe/Berlin")
        refused = await rename(browser, "Europe/Paris")
        assert hidden(refused.text, "note") == "a <b>\nand c"
        assert 'action="/settings/time-zone"' in refused.text
        fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', refused.text)
        await redis.flushdb()
        sent = await browser.post("/settings/time-zone", data={name: unescape(value) for name, value in fields})
        assert sent.status_code == 303
        async with database.read() as session:
            assert await session.scalar(text("SELECT time_zone FROM users")) == "Europe/Paris"


async def test_htmx_gets_a_fragment_and_keeps_the_form_it_has(site: httpx.ASGITransport, ann: Principal) -> None:
    async with browser_of(site, ann) as browser:
        for _ in range(3):
            await rename(browser, "Europe/Berlin")
        refused = await rename(browser, "Europe/Paris", headers=HTMX)
        assert refused.status_code == 429
        assert "<html" not in refused.text
        assert 'id="_error"' in refused.text


async def test_each_person_and_each_policy_counts_for_itself_and_an_address_for_all(
    site: httpx.ASGITransport, ann: Principal, database: Database
) -> None:
    async with browser_of(site, ann) as browser, stranger(site) as nobody:
        assert [(await rename(browser, "Europe/Berlin")).status_code for _ in range(4)] == [303, 303, 303, 429]
        login = await nobody.get("/login")
        asked = {"email": "ann@example.org", "_csrf_token": hidden(login.text, "_csrf_token")}
        assert (await nobody.post("/login", data=asked)).status_code == 303
        # What is forged uses nothing up.
        bob = await principal(database, "bob@example.org")
        async with browser_of(site, bob) as bobs:
            for _ in range(5):
                assert (await bobs.post("/settings/time-zone", data={"_csrf_token": "x"})).status_code == 403
            assert (await rename(bobs, "Europe/Berlin")).status_code == 303
        statuses = []
        for n in range(10):
            async with browser_of(site, await principal(database, f"person{n}@example.org")) as other:
                statuses += [(await rename(other, "Europe/Berlin")).status_code for _ in range(3)]
        # Four of Ann's and one of Bob's before, and thirty for the address.
        assert statuses == [303] * 25 + [429] * 5
