"""Asking for a sign-in link."""

import asyncio
import re
import time

import msgspec
import pytest

from app.accounts import views
from app.accounts.letters import SignInData, SignInLetter
from app.accounts.sign_in import may_sign_in
from app.core.config import Settings
from app.core.db import Database
from app.mail.errors import NotNeeded
from tests.accounts.people import World, accounts_site, world_of


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
    monkeypatch.setattr(views, "ANSWER_AFTER", 0.2)
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
    assert "Enter your code" in (await browser.get(f"/login/{first}")).text
    assert asking_again.status_code == 422


async def test_a_mail_about_a_link_that_is_over_is_not_sent(world: World) -> None:
    await world.add("known@example.com")
    await (await world.browser()).ask("known@example.com")
    [mail] = await world.mails()
    await world.sql("UPDATE login_links SET expires_at = now()")
    async with world.database.write("system") as session:
        with pytest.raises(NotNeeded):
            await SignInLetter().prepare(session, msgspec.convert(mail["data"], SignInData), world.settings)


async def test_only_the_three_newest_links_of_an_address_work(world: World) -> None:
    await world.add("known@example.com")
    browser = await world.browser()
    tokens = []
    for _ in range(4):
        await browser.ask("Known@Example.com")
        tokens.append(await world.token())
    states = [(await browser.get(f"/login/{token}")).status_code for token in tokens]
    assert states == [410, 200, 200, 200]


async def test_many_requests_at_once_leave_three_live_links(world: World) -> None:
    await world.add("known@example.com")
    browsers = [await world.browser() for _ in range(5)]
    for browser in browsers:
        await browser.get("/login")
    await asyncio.gather(*[browser.post("/login", {"email": "known@example.com"}) for browser in browsers])
    assert await world.sql("SELECT count(*) FROM login_links WHERE expires_at > now()") == [(3,)]


async def test_the_sixth_request_for_an_address_within_a_minute_is_refused(world: World) -> None:
    browser = await world.browser()
    answers = [await browser.ask("someone@example.com") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [303] * 5 + [429]
    assert 1 <= int(answers[5].headers["retry-after"]) <= 60
    assert "wait" in answers[5].text


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
        ("domain:example.com", "a@EXAMPLE.com", True),
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
        closed = accounts_site(msgspec.structs.replace(settings, signup="invite"), database)
        other = await world.browser(site=closed)
        other.client.cookies = browser.client.cookies
        answer = await other.press(token)
        assert answer.status_code == 403
        assert await world.sessions() == []
