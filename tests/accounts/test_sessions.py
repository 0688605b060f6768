"""Sessions: finding out who asks, noting that they were here, ending them."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from holdgate.accounts import queries
from holdgate.core.tokens import digest
from tests.factories.accounts import World

EMAIL = "ada@example.com"


async def test_signing_out_ends_the_session_for_good(world: World) -> None:
    await world.add(EMAIL)
    browser = await world.sign_in(EMAIL)
    cookie = browser.client.cookies["hg_session"]
    answer = await browser.post("/logout")
    assert answer.status_code == 303
    assert await world.sessions() == []
    browser.client.cookies.set("hg_session", cookie)
    assert not await browser.signed_in()


async def test_a_session_ends_after_thirty_days(world: World) -> None:
    await world.add(EMAIL)
    browser = await world.sign_in(EMAIL)
    token_hash = digest(browser.client.cookies["hg_session"])
    async with world.database.read() as session:
        for days, lives in ((29, True), (31, False)):
            found = await queries.session_person(session, token_hash, now=datetime.now(UTC) + timedelta(days=days))
            assert (found is not None) is lives


async def test_one_session_can_be_ended_from_another(world: World) -> None:
    await world.add(EMAIL)
    here, there = await world.sign_in(EMAIL), await world.sign_in(EMAIL)
    page = await here.get("/settings")
    assert page.text.count('/revoke"') == 1
    other = await world.session_id(there)
    assert (await here.post(f"/settings/sessions/{other}/revoke")).status_code == 303
    assert await here.signed_in()
    assert not await there.signed_in()
    assert (await here.post(f"/settings/sessions/{other}/revoke")).status_code == 404


async def test_somebody_elses_session_cannot_be_ended(world: World) -> None:
    await world.add(EMAIL)
    await world.add("eve@example.com")
    ada, eve = await world.sign_in(EMAIL), await world.sign_in("eve@example.com")
    target = await world.session_id(ada)
    assert (await eve.post(f"/settings/sessions/{target}/revoke")).status_code == 404
    assert await ada.signed_in()


async def test_signing_out_everywhere_else_keeps_this_browser(world: World) -> None:
    await world.add(EMAIL)
    browsers = [await world.sign_in(EMAIL) for _ in range(3)]
    assert (await browsers[0].post("/settings/sessions/revoke-others")).status_code == 303
    assert [await browser.signed_in() for browser in browsers] == [True, False, False]


async def test_a_disabled_person_is_out_at_once(world: World) -> None:
    await world.add(EMAIL)
    browser = await world.sign_in(EMAIL)
    await world.sql("UPDATE users SET disabled_at = now()")
    assert not await browser.signed_in()


async def test_that_somebody_was_here_is_noted_every_five_minutes_only(world: World) -> None:
    await world.add(EMAIL)
    browser = await world.sign_in(EMAIL)
    before = (await world.sessions())[0].seen_at
    await browser.get("/overview")
    assert (await world.sessions())[0].seen_at == before
    await world.sql("UPDATE sessions SET seen_at = now() - interval '6 minutes'")
    await browser.get("/overview")
    assert (await world.sessions())[0].seen_at > before


async def test_a_request_without_a_cookie_asks_the_database_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise AssertionError("no query was expected")

    browser = await world.browser()
    monkeypatch.setattr(world.database, "read", refuse)
    assert (await browser.get("/login")).status_code == 200


async def test_a_restart_of_the_database_is_not_noticed(world: World) -> None:
    await world.add(EMAIL)
    browser = await world.sign_in(EMAIL)
    assert await browser.signed_in()
    async with world.database.engine.connect() as connection:
        await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
        assert await browser.signed_in()
