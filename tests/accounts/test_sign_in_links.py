"""Opening and using a sign-in link."""

import asyncio

import msgspec
import pytest

from holdgate.accounts.sign_in.links import create_sign_in_link
from holdgate.accounts.sign_in.next_path import local_path
from holdgate.audit.entries import AuditFilter
from holdgate.audit.queries import audit_lines
from holdgate.core.config import Settings
from holdgate.core.db import Database
from tests.elements import elements, invalid
from tests.factories.accounts import Browser, World, world_of

EMAIL = "ada@example.com"


async def asked(world: World, next_path: str = "") -> tuple[Browser, str]:
    """A browser that asked, and the token from its mail."""
    await world.add(EMAIL)
    browser = await world.browser()
    await browser.ask(EMAIL, next_path)
    return browser, await world.token()


async def test_the_asking_browser_signs_in_with_one_button(world: World) -> None:
    browser, token = await asked(world)
    page = await browser.get(f"/login/{token}")
    assert page.status_code == 200
    assert page.text.count("<button") == 1
    assert "<script" not in page.text
    answer = await browser.post("/login/verify", {"token": token})
    assert (answer.status_code, answer.headers["location"]) == (303, "/overview")
    assert (await browser.get("/overview")).text == f"overview of {EMAIL}"


async def test_opening_a_link_ten_times_by_get_and_head_changes_nothing(world: World) -> None:
    browser, token = await asked(world)
    before = await world.sql("SELECT l::text FROM login_links l")
    for _ in range(10):
        assert (await browser.get(f"/login/{token}")).status_code == 200
        head = await browser.client.head(f"/login/{token}")
        assert (head.status_code, head.content) == (200, b"")
    assert await world.sql("SELECT l::text FROM login_links l") == before
    assert await world.sessions() == []
    assert (await browser.press(token)).status_code == 303


async def test_the_page_of_a_link_tells_nobody_and_is_kept_nowhere(world: World) -> None:
    browser, token = await asked(world)
    headers = (await browser.get(f"/login/{token}")).headers
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "noindex" in headers["x-robots-tag"]
    assert "script-src" not in headers["content-security-policy"]


async def test_a_link_works_once_even_when_two_press_at_the_same_moment(world: World) -> None:
    browser, token = await asked(world)
    await browser.get(f"/login/{token}")
    answers = await asyncio.gather(
        *[browser.post("/login/verify", {"token": token}) for _ in range(2)],
    )
    assert sorted(answer.status_code for answer in answers) == [303, 410]
    assert len(await world.sessions()) == 1


async def test_a_used_link_is_dead(world: World) -> None:
    browser, token = await asked(world)
    await browser.press(token)
    other = await world.browser()
    assert (await other.get(f"/login/{token}")).status_code == 410
    assert (await browser.post("/login/verify", {"token": token})).status_code == 410


async def test_an_expired_link_is_dead_and_says_what_to_do(world: World) -> None:
    browser, token = await asked(world)
    await world.sql("UPDATE login_links SET expires_at = now() - interval '1 second'")
    page = await browser.get(f"/login/{token}")
    assert page.status_code == 410
    assert elements(page, "a", href="/login")
    assert (await browser.post("/login/verify", {"token": token})).status_code == 410
    assert await world.sessions() == []


@pytest.mark.parametrize("token", ["x", "A" * 43, "%00", "ü", "a" * 5000])
async def test_an_invented_link_looks_like_a_dead_one(world: World, token: str) -> None:
    browser = await world.browser()
    assert (await browser.get(f"/login/{token}")).status_code == 410
    await browser.get("/login")
    assert (await browser.post("/login/verify", {"token": token})).status_code == 410


async def test_another_browser_needs_the_code_of_the_one_that_asked(world: World) -> None:
    asking, token = await asked(world)
    code = await asking.code()
    other = await world.browser()
    page = await other.get(f"/login/{token}")
    assert 'name="code"' in page.text
    assert (await other.post("/login/verify", {"token": token})).status_code == 422
    answer = await other.post("/login/verify", {"token": token, "code": f" {code.lower().replace('-', ' ')} "})
    assert answer.status_code == 303
    assert await other.signed_in()
    assert not await asking.signed_in()


async def test_the_code_stays_the_same_when_the_mail_is_asked_for_again(world: World) -> None:
    asking, first = await asked(world)
    code = await asking.code()
    await asking.ask(EMAIL)
    assert await asking.code() == code
    assert (await (await world.browser()).press(first, code)).status_code == 303


async def test_five_wrong_codes_end_a_link(world: World) -> None:
    asking, token = await asked(world)
    code = await asking.code()
    other = await world.browser()
    answers = [await other.press(token, "WRONG2") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [422] * 4 + [410]
    assert "1" in invalid(answers[3])["code"].split()
    assert (await other.press(token, code)).status_code == 410
    assert (await asking.press(token)).status_code == 410


async def test_wrong_codes_at_the_same_moment_are_all_counted(world: World) -> None:
    _, token = await asked(world)
    other = await world.browser()
    await other.get(f"/login/{token}")
    guesses = [other.post("/login/verify", {"token": token, "code": f"GUESS{n}"}) for n in range(12)]
    answers = await asyncio.gather(*guesses)
    assert sorted(answer.status_code for answer in answers) == [410] * 8 + [422] * 4
    assert await world.sql("SELECT wrong_codes FROM login_links") == [(5,)]


async def test_an_empty_code_is_not_a_guess(world: World) -> None:
    _, token = await asked(world)
    other = await world.browser()
    for _ in range(6):
        assert (await other.press(token, " - ")).status_code == 422
    assert await world.sql("SELECT wrong_codes FROM login_links") == [(0,)]


async def test_a_forged_asking_cookie_does_not_make_an_asking_browser(world: World) -> None:
    asking, token = await asked(world)
    other = await world.browser()
    other.client.cookies.set("hg_asking", asking.client.cookies["hg_asking"][:-3] + "abc")
    assert 'name="code"' in (await other.get(f"/login/{token}")).text


async def test_signing_in_starts_a_new_session_and_ends_the_old_one(world: World) -> None:
    await world.add(EMAIL)
    browser = await world.sign_in(EMAIL)
    [old] = await world.sessions()
    cookie = browser.client.cookies["hg_session"]
    await browser.client.post("/logout")  # refused: no token of the form
    async with world.database.write("system") as session:
        url = await create_sign_in_link(session, EMAIL, world.settings.base_url)
    assert (await browser.press(url.rsplit("/", 1)[-1])).status_code == 303
    [new] = await world.sessions()
    assert browser.client.cookies["hg_session"] != cookie
    assert new.id != old.id


async def test_a_session_id_that_the_browser_brings_is_not_adopted(world: World) -> None:
    browser, token = await asked(world)
    browser.client.cookies.set("hg_session", "A" * 43)
    answer = await browser.press(token)
    assert "hg_session=AAAA" not in str(answer.headers.get_list("set-cookie"))
    thief = await world.browser()
    thief.client.cookies.set("hg_session", "A" * 43)
    assert not await thief.signed_in()


async def test_the_session_is_stored_as_a_digest_only(world: World) -> None:
    await world.add(EMAIL)
    browser = await world.sign_in(EMAIL)
    rows = await world.sql("SELECT s::text FROM sessions s")
    assert browser.client.cookies["hg_session"] not in rows[0][0]
    assert len((await world.sessions())[0].token_hash) == 32


async def test_the_session_cookie_is_bound_to_the_host_under_https(settings: Settings, database: Database) -> None:
    secure = msgspec.structs.replace(settings, base_url="https://hold.example.com")
    async with world_of(secure, database) as world:
        browser, token = await asked(world)
        answer = await browser.press(token)
        cookies = [c for c in answer.headers.get_list("set-cookie") if "hg_session" in c]
        assert len(cookies) == 1
        assert cookies[0].startswith("__Host-hg_session=")
        for part in ("Secure", "HttpOnly", "SameSite=lax", "Path=/", "Max-Age=2592000"):
            assert part in cookies[0]
        assert "Domain" not in cookies[0]


async def test_after_signing_in_one_arrives_where_one_wanted_to_go(world: World) -> None:
    browser = await world.browser()
    away = await browser.get("/settings?tab=1")
    assert away.headers["location"] == "/login?next=%2Fsettings%3Ftab%3D1"
    page = await browser.get(away.headers["location"])
    assert 'name="next" value="/settings?tab=1"' in page.text
    browser, token = await asked(world, "/settings?tab=1")
    assert (await browser.press(token)).headers["location"] == "/settings?tab=1"


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/a\r\nSet-Cookie: x=1",
        "evil",
        "",
        "/" + "a" * 3000,
        "/login",
        "/logout",
        "/a\\..\\b",
        "/\u2028x",
    ],
)
async def test_nobody_is_sent_to_another_site(world: World, wanted: str) -> None:
    assert local_path(wanted) == "/overview"
    browser, token = await asked(world, wanted)
    assert (await browser.press(token)).headers["location"] == "/overview"


async def test_a_path_with_any_letters_survives(world: World) -> None:
    browser, token = await asked(world, "/tasks?q=“ünï”&a=%2F#x")
    assert (await browser.press(token)).headers["location"] == "/tasks?q=%E2%80%9C%C3%BCn%C3%AF%E2%80%9D&a=%2F#x"


async def test_a_link_of_the_operator_works_in_any_browser_once(world: World) -> None:
    await world.add(EMAIL)
    async with world.database.write("system") as session:
        url = await create_sign_in_link(session, EMAIL, world.settings.base_url)
    token = url.removeprefix(f"{world.settings.base_url}/login/")
    assert (await (await world.browser()).press(token)).status_code == 303
    late = await world.browser()
    await late.get("/login")
    assert (await late.press(token)).status_code == 410


async def test_the_audit_names_every_sign_in_and_from_where(world: World) -> None:
    await world.add(EMAIL)
    browser = await world.browser(address="203.0.113.7", **{"User-Agent": "Firefox/1 Linux"})
    await browser.ask(EMAIL)
    await browser.press(await world.token())
    async with world.database.read() as session:
        [line] = await audit_lines(session, AuditFilter(area="user", verb="sign_in"), None, 10)
    assert (line.actor, line.about) == (f"user:{EMAIL}", EMAIL)
    assert line.data == {"address": "203.0.113.7", "browser": "Firefox/1 Linux"}
