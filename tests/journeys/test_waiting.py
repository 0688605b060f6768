"""What takes its time says so, and a double press does nothing twice."""

import asyncio

import pytest
from playwright.async_api import Request, Route, expect

from holdgate.core.db import Database
from tests.factories.approvals import principal
from tests.journeys.conftest import OpenPage

pytestmark = pytest.mark.browser

# A page that is about to be left answers nothing; the next one tells.
SEEN = """() => addEventListener("submit", (event) => {
  const busy = event.submitter.getAttribute("aria-busy");
  sessionStorage.seen = (sessionStorage.seen ?? "") + (event.defaultPrevented ? "kept; " : `goes, busy ${busy}; `);
})"""


async def test_a_search_and_a_form_on_their_way_say_so_and_a_double_press_sends_once(
    database: Database, open_page: OpenPage
) -> None:
    page = await open_page(await principal(database, "root@example.org", admin=True), "/tasks/new?kind=sample.task")
    let_go = asyncio.Event()
    posts: list[str] = []

    async def hold(route: Route) -> None:
        await let_go.wait()
        await route.continue_()

    def note(request: Request) -> None:
        if request.method == "POST":
            posts.append(request.url)

    await page.route("**/search?*", hold)
    await page.keyboard.press("Control+k")
    waiting = page.locator("#palette .waiting")
    await expect(waiting).to_be_visible()
    let_go.set()
    await expect(waiting).to_be_hidden()
    await page.keyboard.press("Escape")

    let_go.clear()
    page.on("request", note)
    await page.route("**/tasks", hold)
    await page.evaluate(SEEN)
    button = page.get_by_role("button", name="Create task")
    await button.scroll_into_view_if_needed()
    place = await button.bounding_box()
    assert place
    await page.mouse.dblclick(place["x"] + 10, place["y"] + 10)
    let_go.set()
    await page.wait_for_url("**/tasks/*-*")
    assert await page.evaluate("sessionStorage.seen") == "goes, busy true; kept; "
    assert len(posts) == 1
