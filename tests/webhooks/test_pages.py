"""The pages of webhooks, as a browser without scripts uses them."""

import re

import httpx
import pytest
from sqlalchemy import select, text

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.webhooks import service
from holdgate.webhooks.models import WebhookEndpoint
from tests.elements import elements, texts
from tests.factories.approvals import principal
from tests.factories.people import HTMX, Browser, is_empty, words
from tests.factories.site import browser_of
from tests.factories.webhooks import FINE, make_endpoint
from tests.factories.workers import until_state, working
from tests.kinds.odd_site import odd_site

LIST = "/settings/webhooks"
URL = "https://hooks.example/a?token=abcdefgh"


@pytest.fixture
async def ann(database: Database) -> Principal:
    return await principal(database)


@pytest.fixture
def browser(site: httpx.ASGITransport, ann: Principal) -> Browser:
    return browser_of(site, ann)


async def endpoints(database: Database) -> list[WebhookEndpoint]:
    async with database.read() as session:
        return list((await session.execute(select(WebhookEndpoint).order_by(WebhookEndpoint.id))).scalars())


async def test_an_endpoint_is_added_and_its_secret_shown_once(browser: Browser, database: Database) -> None:
    empty = await browser.get(LIST)
    assert is_empty(empty)
    assert not elements(empty, "input", name="everyone")
    sent = await browser.send_form(LIST, {"url": URL, "events": ["run.finished", "task.held"]})
    [made] = await endpoints(database)
    assert sent.status_code == 200
    assert made.events == ["run.finished", "task.held"]
    async with database.read() as session:
        secret = (await session.execute(text("SELECT secret FROM webhook_endpoints"))).scalar_one()
    assert secret in sent.text
    assert "set-cookie" not in sent.headers, "a cookie would carry it with every request"
    again = await browser.get(f"{LIST}/{made.id}")
    assert secret not in again.text
    listed = await browser.get(LIST)
    assert "2 events" in words(listed)
    # Its address holds a token: only the form of its own page shows it whole.
    assert "abcdefgh" not in listed.text


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"url": "ftp://x.example", "events": ["ping"]}, "must begin with http"),
        ({"url": "https://u:p@x.example", "events": ["task.held"]}, "user name or password"),
        ({"url": URL}, "Choose at least one event"),
        ({"url": URL, "events": ["no.such"]}, "There is no event"),
        ({"url": "", "events": ["task.held"]}, "This field is required"),
        ({"url": URL, "events": ["task.held"], "everyone": "true"}, "Only administrators"),
    ],
)
async def test_what_does_not_fit_is_said_and_nothing_is_written(
    browser: Browser, database: Database, values: dict[str, object], wrong: str
) -> None:
    sent = await browser.send_form(LIST, values)
    assert sent.status_code == 422
    assert wrong in words(sent)
    assert await endpoints(database) == []


async def test_an_endpoint_is_changed_rotated_disabled_enabled_and_deleted(
    browser: Browser, database: Database, settings: Settings, ann: Principal
) -> None:
    endpoint, secret = await make_endpoint(database, settings, ann, URL)
    here = f"{LIST}/{endpoint}"
    assert (await browser.send_form(here, {"url": "https://b.example/", "events": ["task.held"]})).status_code == 303
    [changed] = await endpoints(database)
    assert (changed.url, changed.events) == ("https://b.example/", ["task.held"])
    assert (await browser.send_form(here, {"url": "x", "events": ["task.held"]})).status_code == 422
    page = await browser.send_form(f"{here}/rotate")
    assert "set-cookie" not in page.headers
    shown = re.search(r"whsec_[A-Za-z0-9+/=]+", page.text)
    assert shown and shown[0] != secret
    assert elements(page, data_old_secret=True)
    for verb, said in (("disable", "Disabled by owner@example.org."), ("enable", "Enabled")):
        assert (await browser.send_form(f"{here}/{verb}")).status_code == 303
        assert said in words(await browser.get(here))
    assert (await browser.send_form(f"{here}/explode")).status_code == 404
    assert (await browser.send_form(f"{here}/delete")).headers["location"] == LIST
    assert await endpoints(database) == []


async def test_a_disabled_endpoint_cannot_be_tested_or_disabled_again(
    browser: Browser, database: Database, settings: Settings, ann: Principal
) -> None:
    endpoint, _ = await make_endpoint(database, settings, ann, URL)
    await browser.send_form(f"{LIST}/{endpoint}/disable")
    for verb in ("test", "disable"):
        assert (await browser.send_form(f"{LIST}/{endpoint}/{verb}")).status_code == 409


async def test_the_test_button_sends_a_ping_whose_status_and_duration_are_listed(
    browser: Browser, database: Database, settings: Settings, ann: Principal
) -> None:
    async with odd_site(FINE) as receiver, working(database, settings):
        endpoint, _ = await make_endpoint(database, settings, ann, receiver.url)
        here = f"{LIST}/{endpoint}"
        assert is_empty(await browser.get(here))
        await browser.send_form(f"{here}/test")
        async with database.read() as session:
            task_id = (await session.execute(text("SELECT task_id FROM webhook_deliveries"))).scalar_one()
        await until_state(database, task_id, "succeeded")
    page = await browser.get(here)
    assert re.search(r"ping [0-9a-f-]{36} Delivered 204 [\d.]+ m?s 1", words(page))
    part = await browser.get(here, headers=HTMX)
    assert part.text.strip().startswith('<div id="deliveries"')
    assert part.text.strip() in page.text


async def test_somebody_elses_webhook_does_not_exist_but_an_administrator_sees_to_it(
    site: httpx.ASGITransport, database: Database, settings: Settings, ann: Principal
) -> None:
    endpoint, _ = await make_endpoint(database, settings, ann, URL)
    here = f"{LIST}/{endpoint}"
    eve = browser_of(site, await principal(database, "eve@example.org"))
    assert (await eve.get(here)).status_code == 404
    assert (await eve.send_form(here, {"url": URL, "events": ["task.held"]})).status_code == 404
    for verb in ("test", "rotate", "disable", "enable", "delete"):
        assert (await eve.send_form(f"{here}/{verb}")).status_code == 404, verb
    assert is_empty(await eve.get(LIST))
    root = browser_of(site, await principal(database, "root@example.org", admin=True))
    assert "owner@example.org" in words(await root.get(LIST))
    assert (await root.send_form(f"{here}/disable")).status_code == 303
    # An administrator cannot make another person's endpoint hear about everyone.
    widened = await root.send_form(here, {"url": URL, "events": ["task.held"], "everyone": "true"})
    assert widened.status_code == 422


async def test_the_list_says_when_it_was_tried_last_and_how_much_has_failed(
    browser: Browser, database: Database, settings: Settings, ann: Principal
) -> None:
    endpoint, _ = await make_endpoint(database, settings, ann, URL)
    assert texts(await browser.get(LIST), "td", data_label="Failed") == ["–"]
    async with database.write(ann.actor) as session:
        sent = [await service.ping(session, ann, endpoint) for _ in range(4)]
        for delivery in sent[:2]:
            await service.note_delivered(session, delivery, 204, 0.1)
        await service.note_failed(session, sent[2], "Refused.")
    listed = await browser.get(LIST)
    assert texts(listed, "td", data_label="Failed") == ["1 of 3 (33 %)"]
    [when] = elements(listed, "td", data_label="Last attempt")
    assert when.text != "–"
