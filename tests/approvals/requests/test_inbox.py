"""The inbox: whose turn it is, in order of the deadlines, page by page."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy import event

from holdgate.approvals.requests import inbox, narrowing
from holdgate.approvals.states import HoldType
from holdgate.core import paging
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.paging import parse_cursor
from tests.elements import elements, texts
from tests.factories.approvals import (
    ANN,
    BOB,
    BOSS,
    OWNER,
    approve,
    by_link,
    letters,
    make_group,
    principal,
    put_question,
)
from tests.factories.people import Browser, words
from tests.factories.site import browser_of, site_of
from tests.statements import MOST

ROW = re.compile(r'<tr id="approval-([0-9a-f-]+)"')


@pytest.fixture
async def site(settings: Settings, database: Database, redis: Redis) -> AsyncIterator[httpx.ASGITransport]:
    async with site_of(settings, database, redis) as transport:
        yield transport


async def test_what_is_listed_for_a_person_is_what_the_badge_counts(database: Database, settings: Settings) -> None:
    await put_question(database, settings, recipients=(ANN,))
    await put_question(database, settings, recipients=(ANN, OWNER), self_approval=False)
    await put_question(database, settings, recipients=(BOB,))
    await put_question(database, settings, recipients=(), hold=HoldType.INPUT)
    for email, number in ((ANN, 2), (BOB, 1), (OWNER, 1)):
        by = await principal(database, email)
        async with database.read() as session:
            listed = await inbox.inbox(session, by, "mine", limit=10)
            assert (len(listed), await inbox.count_waiting(session, by)) == (number, number), email
            everything = await inbox.inbox(session, by, "all", limit=10)
    assert len(everything) == 4, "their owner still sees where they stand"


@pytest.mark.parametrize("show", ["mine", "all", "decided"])
async def test_pages_follow_each_other_by_deadline_without_gap_or_repetition(
    database: Database, settings: Settings, show: str
) -> None:
    ann = await principal(database, ANN)
    minutes = (30, 10, None, 20, None, 10)
    for n in minutes:
        ttl = timedelta(minutes=n) if n else None
        await put_question(database, settings, recipients=(ANN,), ttl=ttl, name=str(n))  # type: ignore[arg-type]
    if show == "decided":
        async with database.write("system") as session:
            await session.execute(
                inbox.Approval.__table__.update().values(state="expired", decided_at=inbox.Approval.created_at)  # type: ignore[attr-defined]
            )
    seen, cursor = [], None
    async with database.read() as session:
        while rows := await inbox.inbox(session, ann, show, after=parse_cursor(cursor), limit=2):
            seen += rows
            cursor = str(inbox.place_of(rows[-1], show, ann))
    assert len({row.approval.id for row in seen}) == len(seen) == len(minutes)
    times = [row.approval.decided_at if show == "decided" else row.approval.expires_at for row in seen]
    if show == "decided":
        assert times == sorted(times, reverse=True)  # type: ignore[type-var]
    else:
        assert times[-2:] == [None, None]
        assert times[:-2] == sorted(times[:-2])  # type: ignore[type-var]


async def test_the_pages_are_linked_and_stay_on_their_tab(
    database: Database, settings: Settings, site: httpx.ASGITransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "PAGE", 2)
    for n in range(3):
        await put_question(database, settings, recipients=(ANN,), name=str(n))
    async with browser_of(site, await principal(database, ANN)) as ann:
        first = (await ann.get("/approvals?show=all")).text
        [following] = re.findall(r'rel="next" href="([^"]+)"', first)
        second = (await ann.get(following.replace("&amp;", "&"))).text
        assert len(ROW.findall(first)) == 2
        assert len(ROW.findall(second)) == 1
        assert not set(ROW.findall(first)) & set(ROW.findall(second))
        assert 'aria-current="page">All pending' in second
        assert (await ann.get("/approvals?cursor=nonsense")).status_code == 422


async def test_an_admin_is_offered_no_decision_that_is_for_people_of_a_group(
    database: Database, settings: Settings, site: httpx.ASGITransport
) -> None:
    await make_group(database, "security", BOB)
    counted = await put_question(database, settings, recipients=("group:security",), needed={"security": 1})
    free = await put_question(database, settings, recipients=(BOB,))
    async with browser_of(site, await principal(database, BOSS, admin=True)) as boss:
        page = await boss.get("/approvals?show=all")
    assert str(counted.approval_id) in ROW.findall(page.text)
    [offered] = elements(page, "a", data_keys="a")
    assert offered["href"] == f"/approvals/{free.approval_id}?show=all#decide-approve"


async def test_many_groups_take_no_more_statements(
    database: Database, settings: Settings, site: httpx.ASGITransport
) -> None:
    for _ in range(3):
        await letters(database, settings, 2)
    statements: list[str] = []

    def count(_connection, _cursor, statement: str, *_rest: object) -> None:  # type: ignore[no-untyped-def]
        statements.append(statement)

    async with browser_of(site, await principal(database, BOSS)) as boss:
        event.listen(database.engine.sync_engine, "before_cursor_execute", count)
        try:
            page = await boss.get("/approvals")
        finally:
            event.remove(database.engine.sync_engine, "before_cursor_execute", count)
    assert words(page).count("2 requests from “Letters”") == 3
    assert len(statements) <= MOST


async def test_every_tab_says_how_many_it_holds_and_completed_up_to_a_bound(
    database: Database, settings: Settings, site: httpx.ASGITransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = [await put_question(database, settings, recipients=(OWNER, ANN)) for _ in range(2)]
    await put_question(database, settings, recipients=(ANN,))
    for one in over:
        await by_link(database, one, 0, approve(one))
    monkeypatch.setattr(narrowing, "COUNTED_OVER", 2)

    async def counts(browser: Browser, query: str = "") -> list[str]:
        page = await browser.get(f"/approvals{query}")
        [tabs] = re.findall(r'(?s)<nav class="tabs" aria-label="Approvals">.*?</nav>', page.text)
        return texts(tabs, "span")

    async with browser_of(site, await principal(database, ANN)) as ann:
        assert await counts(ann) == ["1", "0", "1", "2"]
        assert await counts(ann, "?q=nothing") == ["0", "0", "0", "0"]
        monkeypatch.setattr(narrowing, "COUNTED_OVER", 1)
        assert await counts(ann) == ["1", "0", "1", "1+"]
    async with browser_of(site, await principal(database, OWNER)) as owner:
        assert await counts(owner, "?show=decided") == ["0", "0", "1", "1+"]
    async with browser_of(site, await principal(database, BOB)) as bob:
        assert await counts(bob) == ["0", "0", "0", "0"]
