"""The delivery trail: what the mail server said, and who most likely opened the link, at no cost to the page."""

from datetime import datetime, timedelta

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy import func, select, text

from holdgate.approvals.evidence import link_opens
from holdgate.approvals.evidence.link_opens import AT_ONCE, TOGETHER, Opening, sign_of_scanner
from holdgate.approvals.pages import review
from holdgate.approvals.requests import mails
from holdgate.approvals.rules.models import LinkOpening
from holdgate.core.config import Settings
from holdgate.core.db import Database
from tests.factories.approvals import OWNER, TITLE, Asked, principal, put_question, recipients_of
from tests.factories.people import words
from tests.factories.site import browser_of, site_of, stranger

PHONE = {
    "user-agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 Safari",
    "accept-language": "en-GB,en;q=0.9",
    "sec-fetch-mode": "navigate",
}


async def opened(database: Database, asked: Asked) -> list[tuple[str, str, int, str]]:
    async with database.read() as session:
        return [
            (person.email, one.opener, one.n, one.sign)
            for person in await recipients_of(database, asked)
            for one in (await link_opens.openings_of(session, asked.approval_id)).get(person.id, [])
        ]


async def delivered_long_ago(database: Database, settings: Settings, **more: object) -> Asked:
    asked = await put_question(database, settings, **more)  # type: ignore[arg-type]
    async with database.write("system") as session:
        await session.execute(text("UPDATE approval_recipients SET sent_at = sent_at - interval '1 minute'"))
    return asked


@pytest.mark.parametrize(
    ("method", "changes", "sign"),
    [
        ("GET", {}, ""),
        ("GET", {"sec-fetch-mode": ""}, "was not opened"),
        ("HEAD", {}, "HEAD"),
        ("GET", {"user-agent": ""}, "does not say"),
        ("GET", {"user-agent": "Mozilla/5.0 (Windows NT 10.0) BingPreview/1.0b"}, "Preview"),
        ("GET", {"user-agent": "python-requests/2.32"}, "python"),
        ("GET", {"user-agent": "Barracuda Sentinel (EE)"}, "Barracuda"),
        ("GET", {"accept-language": ""}, "names no language"),
        ("GET", {"sec-purpose": "prefetch;prerender"}, "ahead"),
        ("GET", {"sec-fetch-mode": "no-cors"}, "was not opened"),
    ],
)
def test_scanners_are_told_by_what_they_send(method: str, changes: dict[str, str], sign: str) -> None:
    found = sign_of_scanner(method, {**PHONE, **changes})
    assert sign in found
    assert bool(found) == bool(sign)


async def test_the_trail_tells_scanners_from_a_person_and_counts_them_in_two_rows(
    database: Database, settings: Settings, redis: Redis
) -> None:
    asked = await delivered_long_ago(database, settings)
    async with site_of(settings, database, redis) as transport, stranger(transport) as client:
        link = f"/review/{asked.tokens[0]}"
        async with browser_of(transport, await principal(database)) as browser:
            before = words(await browser.get(f"/approvals/{asked.approval_id}"))
            assert "(server: 2.0.0 Ok: queued as 4F2A" in before
            assert "Not opened yet" in before
            for _ in range(3):
                await client.head(link)
                await client.get(link)
            scanned = words(await browser.get(f"/approvals/{asked.approval_id}"))
            assert "Link opened, probably by an email scanner" in scanned
            assert "Not opened yet" in scanned
            await forget_the_second(database)
            await client.get(link, headers=PHONE)
            seen = words(await browser.get(f"/approvals/{asked.approval_id}"))
            assert "Link opened, probably by a person" in seen
            assert "from 127.0.0.1" in seen
            assert "Not opened yet" not in seen
    assert {(email, opener) for email, opener, _, _ in await opened(database, asked)} == {
        (OWNER, "person"),
        (OWNER, "scanner"),
    }


async def forget_the_second(database: Database) -> None:
    """A second passes."""
    async with database.write("system") as session:
        await session.execute(text("UPDATE approval_openings SET last_at = last_at - interval '1 second'"))


async def store(database: Database, opening: Opening, now: datetime) -> None:
    async with database.write("system") as session:
        await link_opens.store(session, opening, now=now)


async def test_a_crawler_cannot_fill_the_table(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings)
    [person] = await recipients_of(database, asked)
    assert person.sent_at is not None
    for n in range(50):
        await store(database, Opening(person.id, "HEAD", "192.0.2.7"), person.sent_at + timedelta(milliseconds=100 * n))
    assert await opened(database, asked) == [(OWNER, "scanner", 5, "HEAD")]


async def test_what_opens_at_once_or_several_links_together_is_a_scanner_the_first_of_them_too(
    database: Database, settings: Settings
) -> None:
    people = ("ann@example.org", "bob@example.org", "cat@example.org")
    asked = await put_question(database, settings, recipients=people)
    ann, bob, cat = await recipients_of(database, asked)
    assert ann.sent_at is not None
    later = ann.sent_at + timedelta(minutes=1)
    await store(database, Opening(cat.id, "", "198.51.100.1"), ann.sent_at + timedelta(seconds=2))
    await store(database, Opening(ann.id, "", "192.0.2.7"), later)
    assert ("ann@example.org", "person", 1, "") in await opened(database, asked)
    await store(database, Opening(bob.id, "", "192.0.2.7"), later + timedelta(milliseconds=300))
    assert await opened(database, asked) == [
        ("ann@example.org", "scanner", 1, TOGETHER),
        ("bob@example.org", "scanner", 1, TOGETHER),
        ("cat@example.org", "scanner", 1, AT_ONCE),
    ]
    await store(database, Opening(bob.id, "", "192.0.2.7"), later + timedelta(minutes=1))
    assert ("bob@example.org", "person", 1, "") in await opened(database, asked)


async def test_a_page_whose_opening_cannot_be_noted_is_shown_all_the_same(
    database: Database, settings: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_opens, "PATIENCE", 0.1)
    asked = await put_question(database, settings)
    async with site_of(settings, database, redis) as transport, stranger(transport) as client:
        async with database.write("system") as session:
            await session.execute(text("LOCK TABLE approval_openings"))
            answer = await client.get(f"/review/{asked.tokens[0]}", headers=PHONE)
        assert (answer.status_code, TITLE in words(answer)) == (200, True)
        async with database.read() as session:
            assert await session.scalar(select(func.count()).select_from(LinkOpening)) == 0


async def test_a_refused_mail_is_told_with_the_servers_words(
    database: Database, settings: Settings, redis: Redis
) -> None:
    asked = await put_question(database, settings, deliver=False)
    [person] = await recipients_of(database, asked)
    owner = await principal(database)
    async with site_of(settings, database, redis) as transport, browser_of(transport, owner) as browser:
        queued = words(await browser.get(f"/approvals/{asked.approval_id}"))
        assert "Email queued, not delivered yet" in queued
        async with database.write("system") as session:
            data = mails.AskedPerson(person.id)
            await mails.ApprovalRequest().undelivered(session, data, "550 5.1.1 No such user")
        refused = words(await browser.get(f"/approvals/{asked.approval_id}"))
    assert "Rejected by the mail server" in refused
    assert "550 5.1.1 No such user" in refused


async def test_a_decision_by_link_does_not_need_the_opening_to_be_noted(
    database: Database, settings: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review, "TOO_QUICK", 0.0)
    asked = await put_question(database, settings)
    async with database.engine.begin() as connection:
        await connection.execute(text("ALTER TABLE approval_openings RENAME TO away"))
    try:
        async with site_of(settings, database, redis) as transport, stranger(transport) as client:
            page: httpx.Response = await client.get(f"/review/{asked.tokens[0]}")
            assert page.status_code == 200
    finally:
        async with database.engine.begin() as connection:
            await connection.execute(text("ALTER TABLE away RENAME TO approval_openings"))
