"""Asking for a sign-in link."""

import asyncio
import re
import time
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from holdgate.accounts.mails import SignInData, SignInLetter
from holdgate.accounts.pages import sign_in as sign_in_pages
from holdgate.accounts.sign_in import links
from holdgate.accounts.sign_in.links import may_sign_in
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.tokens import mint
from holdgate.mail.errors import NotNeeded
from tests.elements import elements
from tests.factories.accounts import World, accounts_site, world_of


async def test_asking_answers_the_same_for_known_unknown_and_disabled_people(world: World) -> None:
    await world.add("known@example.com")
    await world.add("gone@example.com")
    await world.sql("UPDATE users SET disabled_at = now() WHERE email = 'gone@example.com'")
    answers = []
    for email in ("known@example.com", "gone@example.com", "unknown@example.com"):
        browser = await world.browser()
        posted = await browser.ask(email)
        page = await browser.get("/login/sent")
        text = re.sub(r"Request <code>.*?</code>", "", page.text.replace(email, "ADDRESS"))
        answers.append((posted.status_code, posted.headers["location"], page.status_code, hide_code(text)))
        assert set(posted.headers) - {"x-request-id"} == set(posted.headers) - {"x-request-id"}
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][:2] == (303, "/login/sent")
    assert [mail["to"] for mail in await world.mails()] == ["known@example.com"]


def hide_code(text: str) -> str:
    return re.sub(r"[A-Z0-9]{3}-[A-Z0-9]{3}", "CODE", text)


async def test_asking_takes_the_same_time_for_everybody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in_pages, "ANSWER_AFTER", 0.2)
    await world.add("known@example.com")
    taken = []
    for email in ("known@example.com", "unknown@example.com"):
        browser = await world.browser()
        await browser.get("/login")
        started_at = time.perf_counter()
        await browser.post("/login", {"email": email})
        taken.append(time.perf_counter() - started_at)
    assert all(0.2 <= seconds < 0.5 for seconds in taken), taken


async def test_a_mistyped_address_shows_the_form_again(world: World) -> None:
    browser = await world.browser()
    for email in ("", "nobody", "a b@example.com", "x@" + "y" * 300 + ".com", "a@b@c\r\nBcc: x@y.z"):
        answer = await browser.ask(email)
        assert answer.status_code == 422, email
        assert "field-error" in answer.text
    assert await world.mails() == []


async def test_the_mail_holds_no_token_before_it_is_rendered(world: World) -> None:
    await world.add("known@example.com")
    await (await world.browser()).ask("known@example.com")
    [mail] = await world.mails()
    assert list(mail["data"]) == ["link_id"]
    assert await world.sql("SELECT token_hash FROM login_links") == [(None,)]


async def test_a_mail_that_is_rendered_twice_carries_two_links_and_both_work(world: World) -> None:
    await world.add("known@example.com")
    browser = await world.browser()
    await browser.ask("known@example.com")
    first, second = await world.token(), await world.token()
    assert first != second
    assert (await browser.press(second)).status_code == 303
    browser.client.cookies.clear()
    asking_again = await browser.press(first)
    assert elements(await browser.get(f"/login/{first}"), "input", name="code")
    assert asking_again.status_code == 422


async def test_a_mail_about_a_link_that_is_over_is_not_sent(world: World) -> None:
    await world.add("known@example.com")
    await (await world.browser()).ask("known@example.com")
    [mail] = await world.mails()
    await world.sql("UPDATE login_links SET expires_at = now()")
    async with world.database.write("system") as session:
        with pytest.raises(NotNeeded):
            await SignInLetter().prepare(session, msgspec.convert(mail["data"], SignInData), world.settings)


async def test_no_link_dies_of_what_others_ask_for(world: World) -> None:
    """Three requests of anybody killed a fresh link."""
    await world.add("known@example.com")
    browser = await world.browser()
    await browser.ask("Known@Example.com")
    token = await world.token()
    strangers = [await world.browser(address=f"203.0.113.{number}") for number in range(8)]
    for stranger in strangers:
        await stranger.get("/login")
    await asyncio.gather(*[each.post("/login", {"email": "known@example.com"}) for each in strangers])
    assert len(await world.mails()) == 9
    await world.sql("UPDATE login_links SET created_at = created_at - interval '14 minutes'")
    await browser.ask("known@example.com")
    assert (await browser.press(token)).status_code == 303


async def test_a_browser_is_mailed_once_a_minute_and_answered_the_same(world: World) -> None:
    await world.add("known@example.com")
    browser = await world.browser()
    first = await browser.ask("known@example.com")
    token = await world.token()
    again = await browser.ask("known@example.com")
    assert (again.status_code, again.headers["location"]) == (first.status_code, first.headers["location"])
    assert len(await world.mails()) == 1
    await world.sql("UPDATE login_links SET created_at = created_at - interval '61 seconds'")
    await browser.ask("known@example.com")
    assert len(await world.mails()) == 2
    for each in (token, await world.token()):
        assert (await browser.get(f"/login/{each}")).status_code == 200


SPELLINGS = (
    "ann@example.org",
    "ANN@example.org",
    "ann+a@example.org",
    "ann@Example.ORG",
    "ann@exam\u00adple.org",
    "a\u200bnn@example.org",
    "ａｎｎ@example.org",
    "ann@example。org",
    "ann@ｅｘａｍｐｌｅ.org",
    "ann@example.org\ufeff",
    "ann+b@example。org",
    "Ａnn@example｡org",
)


async def test_the_sixth_request_within_a_minute_is_refused_in_whatever_spelling(open_world: World) -> None:
    """Each had a limit of its own: twelve spellings mailed one person twelve times."""
    answers = [await (await open_world.browser()).ask(email) for email in SPELLINGS]
    assert [answer.status_code for answer in answers] == [303] * 5 + [429] * 7
    assert 1 <= int(answers[5].headers["retry-after"]) <= 60
    assert "Wait" in answers[5].text
    assert {mail["to"] for mail in await open_world.mails()} == {"ann@example.org", "ann+a@example.org"}


async def test_whoever_is_refused_keeps_nobody_else_from_asking(world: World) -> None:
    """Five requests a minute of anybody locked a person out. A network of IPv6 counts as one client."""
    await world.add("known@example.com")
    answers = []
    for number in range(6):
        stranger = await world.browser(address=f"2001:db8:1:2::{number:x}")
        answers.append((await stranger.ask("known@example.com")).status_code)
    assert answers == [303] * 5 + [429]
    before = len(await world.mails())
    for address in ("2001:db8:1:3::1", "198.51.100.7"):
        assert (await (await world.browser(address=address)).ask("known@example.com")).status_code == 303
    assert len(await world.mails()) == before + 2


async def ask(world: World, network: str, now: datetime, *, email: str = "known@example.com", most: int = 1000) -> bool:
    """A browser's request past the limits of the route. Whether a mail goes out."""
    before = len(await world.mails())
    async with world.database.write("anonymous") as session:
        await links.ask_for_link(
            session,
            email,
            browser=mint(),
            next_path="/",
            signup="invite",
            network=network,
            most_an_hour=most,
            now=now,
        )
    return len(await world.mails()) > before


async def test_a_person_gets_so_many_mails_a_day_and_more_where_they_have_signed_in_before(world: World) -> None:
    await world.add("known@example.com")
    now = datetime.now(UTC)
    home = await world.browser(address="192.0.2.1")
    await home.ask("known@example.com")
    assert (await home.press(await world.token())).status_code == 303
    strange = [await ask(world, f"203.0.113.{number // 11}", now) for number in range(60)]
    # Ten of each network, thirty of all that are strange to this person.
    assert strange == [number < 33 and number % 11 < 10 for number in range(60)]
    assert [await ask(world, "192.0.2.1", now) for _ in range(10)] == [True] * 9 + [False]
    assert await ask(world, "203.0.113.99", now + timedelta(days=1, minutes=1))


async def test_all_together_get_so_many_mails_an_hour_but_for_known_places(world: World) -> None:
    now = datetime.now(UTC)
    for number in range(4):
        await world.add(f"p{number}@example.com")
    home = await world.browser(address="192.0.2.1")
    await home.ask("p3@example.com")
    assert (await home.press(await world.token())).status_code == 303
    sent = [await ask(world, "203.0.113.1", now, email=f"p{number}@example.com", most=3) for number in range(3)]
    assert sent == [True, True, False]
    assert await ask(world, "192.0.2.1", now, email="p3@example.com", most=3)
    assert await ask(world, "203.0.113.1", now + timedelta(minutes=61), email="p2@example.com", most=3)


async def test_one_client_cannot_ask_for_many_addresses(world: World) -> None:
    browser = await world.browser()
    answers = [(await browser.ask(f"p{number}@example.com")).status_code for number in range(21)]
    assert answers == [303] * 20 + [429]


async def test_a_signed_in_person_is_sent_on_from_the_login_page(world: World) -> None:
    await world.add("known@example.com")
    browser = await world.sign_in("known@example.com")
    assert (await browser.get("/login")).headers["location"] == "/overview"
    assert (await browser.get("/login?next=/settings")).headers["location"] == "/settings"
    assert (await browser.get("/login?next=//evil.example")).headers["location"] == "/overview"


async def test_the_sent_page_without_having_asked_leads_back(world: World) -> None:
    assert (await (await world.browser()).get("/login/sent")).headers["location"] == "/login"


@pytest.mark.parametrize(
    ("signup", "email", "allowed"),
    [
        ("invite", "a@example.com", False),
        ("open", "a@example.com", True),
        ("domain:example.com", "a@example.com", True),
        ("domain:example.com", "a@evil-example.com", False),
        ("domain:example.com", "a@sub.example.com", False),
    ],
)
def test_signup_decides_about_people_nobody_has_added(signup: str, email: str, allowed: bool) -> None:
    assert may_sign_in(None, email, signup) is allowed


async def test_open_signup_makes_the_person_when_they_arrive_and_not_before(
    settings: Settings, database: Database
) -> None:
    async with world_of(msgspec.structs.replace(settings, signup="open"), database) as world:
        browser = await world.browser()
        await browser.ask("new@example.com")
        assert await world.sql("SELECT count(*) FROM users") == [(0,)]
        assert (await browser.press(await world.token())).status_code == 303
        assert await world.sql("SELECT email, role FROM users") == [("new@example.com", "member")]


async def test_a_link_does_not_outlive_the_permission(settings: Settings, database: Database) -> None:
    async with world_of(msgspec.structs.replace(settings, signup="open"), database) as world:
        browser = await world.browser()
        await browser.ask("new@example.com")
        token = await world.token()
        async with accounts_site(msgspec.structs.replace(settings, signup="invite"), database) as closed:
            other = await world.browser(site=closed)
            other.client.cookies = browser.client.cookies
            answer = await other.press(token)
        assert answer.status_code == 403
        assert await world.sessions() == []
