"""The page of alarms, as a browser without scripts uses it, and muting an error on its page."""

import httpx
import pytest
from sqlalchemy import select

from holdgate.alarms import service
from holdgate.alarms.models import Alarm
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.tasks.failures.fingerprints import digest
from tests.elements import elements, texts
from tests.factories.approvals import principal
from tests.factories.bulk import buried
from tests.factories.people import Browser, is_empty
from tests.factories.site import browser_of
from tests.factories.stats import fold_all

LIST = "/settings/alarms"


@pytest.fixture
async def ann(database: Database) -> Principal:
    return await principal(database)


@pytest.fixture
def browser(site: httpx.ASGITransport, ann: Principal) -> Browser:
    return browser_of(site, ann)


async def alarms(database: Database) -> list[Alarm]:
    async with database.read() as session:
        return list((await session.execute(select(Alarm))).scalars())


async def test_an_alarm_is_added_shown_and_deleted(
    browser: Browser, site: httpx.ASGITransport, database: Database
) -> None:
    assert is_empty(await browser.get(LIST))
    values = {"condition": "failures", "count": "5", "minutes": "10", "kind": "http.request", "queue": ""}
    assert (await browser.send_form(LIST, values)).status_code == 303
    [made] = await alarms(database)
    assert (made.kind, made.count, made.minutes, made.everyone) == ("http.request", 5, 10, False)
    listed = await browser.get(LIST)
    assert service.describe(made) in texts(listed, "tr", id=f"alarm-{made.id}")[0]
    assert not elements(listed, "input", name="everyone"), "for administrators"
    bob = browser_of(site, await principal(database, "bob@example.org"))
    assert is_empty(await bob.get(LIST))
    assert (await bob.send_form(f"{LIST}/{made.id}/delete")).status_code == 404
    assert (await browser.send_form(f"{LIST}/{made.id}/delete")).status_code == 303
    assert await alarms(database) == []


async def test_a_form_that_makes_no_alarm_comes_back_with_what_is_wrong(browser: Browser, database: Database) -> None:
    refused = await browser.send_form(LIST, {"condition": "failures", "count": "", "minutes": "10"})
    assert refused.status_code == 422
    [field] = elements(refused, "input", name="count")
    assert field.attributes["aria-invalid"] == "true"
    assert await alarms(database) == []


async def test_an_error_is_muted_on_its_page_and_unmuted_among_the_alarms(
    browser: Browser, ann: Principal, database: Database
) -> None:
    await buried(database, 1, "It is broken.", owner_id=ann.id)
    await fold_all(database)
    page = f"/errors/{digest('RuntimeError', 'It is broken.')}"
    assert not elements(await browser.get(page), "p", data_muted=True)
    assert (await browser.send_form(f"{page}/mute")).status_code == 303
    assert elements(await browser.get(page), "p", data_muted=True)
    assert elements(await browser.get(LIST), "a", href=page)
    assert (await browser.send_form(f"{page}/unmute")).status_code == 303
    assert not elements(await browser.get(LIST), "a", href=page)
