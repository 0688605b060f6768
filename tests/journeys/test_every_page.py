"""Every page, wide and on a phone, light and dark: no axe violation, nothing on the console, no horizontal scroll.

A new page is one line in tests/pages.py. All of it shares one server, one browser and one database full of everything.
"""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ConsoleMessage, Error, Page, TimeoutError, ViewportSize

from holdgate.asgi import HANDLERS
from holdgate.core.db import Database
from tests.factories.installation import full_installation
from tests.factories.site import served
from tests.journeys.conftest import EVERYTHING, RUN_AXE, TOO_WIDE
from tests.pages import NO_PAGES, OPEN, PAGES, REFUSED_PAGES, WITH_HISTORY, routes, shape
from tests.servers import Servers

browser_test = pytest.mark.browser


WIDE, PHONE = ViewportSize(width=1280, height=900), ViewportSize(width=390, height=844)
SMALLEST, TABLET = ViewportSize(width=320, height=568), ViewportSize(width=1024, height=768)
WIDEST = ViewportSize(width=1440, height=900)
# What else can differ in the dark, and on a phone.
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
NARROW = {"runOnly": {"type": "rule", "values": ["color-contrast", "target-size", "scrollable-region-focusable"]}}
LOOKS: tuple[tuple[ViewportSize, Any, dict[str, Any]], ...] = (
    (WIDE, "light", EVERYTHING),
    (WIDE, "dark", COLOURS),
    (PHONE, "dark", COLOURS),
    (PHONE, "light", NARROW),
)
# A page that is meant to be refused is one failed request to the browser's console.
REFUSED = "Failed to load resource: the server responded with a status of 4"
# Rows that what is in them does not fit into, so that they lie over one another.
CRAMPED = "[...document.querySelectorAll('tbody tr')].filter(row => [...row.children].some(cell => cell.rowSpan === 1 \
    && cell.getBoundingClientRect().bottom > row.getBoundingClientRect().bottom + 1)).map(row => row.innerText)"
FEWER_ALIKE = "document.querySelectorAll('tbody tr:nth-child(n + 13), details.panel:nth-child(n + 5)') \
    .forEach(each => each.remove())"


@dataclass
class Seen:
    """A site full of everything, and a page of a browser that is signed in and one that is not.

    They go from path to path: a page of its own for each would take twice as long.
    """

    names: dict[str, str]
    pages: dict[bool, Page]


@pytest.fixture(scope="module")
async def seen(
    browser: Browser, servers: Servers, shared_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Seen]:
    async with (
        full_installation(servers, shared_database, tmp_path_factory.mktemp("every-page")) as full,
        served(full.settings, full.database, full.redis) as site,
    ):
        contexts = {
            signed_in: await browser.new_context(
                base_url=site.base, extra_http_headers={"X-Test-User": full.root.email} if signed_in else {}
            )
            for signed_in in (True, False)
        }
        asking = await contexts[False].new_page()  # /login/sent is for who has asked for a link
        await asking.goto("/login")
        await asking.get_by_label("Email").fill("somebody@example.org")
        await asking.keyboard.press("Enter")
        await asking.wait_for_url("**/login/sent")
        await asking.close()
        yield Seen(full.names, {signed_in: await context.new_page() for signed_in, context in contexts.items()})
        for context in contexts.values():
            await context.close()


async def looked_at(seen: Seen, path: str, signed_in: bool) -> None:
    complaints: list[str] = []

    def complain(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(REFUSED):
            complaints.append(message.text)

    def fail(error: Error) -> None:
        complaints.append(str(error))

    page = seen.pages[signed_in]
    page.on("console", complain)
    page.on("pageerror", fail)
    try:
        await page.set_viewport_size(WIDE)
        await page.emulate_media(color_scheme="light", reduced_motion="reduce")
        answer = await page.goto(path.format(**seen.names))
        assert answer is not None
        assert answer.status == 200 or (400 <= answer.status < 500 and path in REFUSED_PAGES), answer.status
        await page.evaluate(Axe().axe_script)
        for size in (SMALLEST, PHONE, TABLET, WIDE, WIDEST):
            await page.set_viewport_size(size)
            with suppress(TimeoutError):  # a chart takes a frame to be drawn for its new place
                await page.wait_for_function(f"{TOO_WIDE} <= 0", timeout=2000)
            width = await page.evaluate(TOO_WIDE)
            assert width <= 0, f"{width} px too wide at {size['width']}"
            assert (cramped := await page.evaluate(CRAMPED)) == [], f"{size['width']} px\n" + "\n".join(cramped)
        for size, scheme, rules in LOOKS:
            if rules is not EVERYTHING:  # one row looks like the other
                await page.evaluate(FEWER_ALIKE)
            await page.set_viewport_size(size)
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found = await page.evaluate(RUN_AXE, {"resultTypes": ["violations"], **rules})
            assert found == [], f"{size['width']} px, {scheme}\n" + "\n".join(found)
        assert complaints == []
    finally:
        await page.goto("about:blank")  # what it still has to say is said before the next
        page.remove_listener("console", complain)
        page.remove_listener("pageerror", fail)


@browser_test
@pytest.mark.parametrize("path", PAGES)
async def test_a_page_for_people_who_are_signed_in(seen: Seen, path: str) -> None:
    await looked_at(seen, path, signed_in=True)


@browser_test
@pytest.mark.parametrize("path", OPEN)
async def test_a_page_for_everybody(seen: Seen, path: str) -> None:
    await looked_at(seen, path, signed_in=False)


def test_every_page_of_the_site_is_looked_at() -> None:
    served = {path for path in routes(HANDLERS, "GET")}
    looked_at = {shape(path) for path in (*PAGES, *OPEN, "/login/{}")}  # its one page without a name: /login/none
    assert {path for path in served if shape(path) not in looked_at} == set(NO_PAGES)
    assert {path for path in served if shape(path) in looked_at} & set(NO_PAGES) == set()
    assert {path for path in WITH_HISTORY if shape(path) not in looked_at} == set()
