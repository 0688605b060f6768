"""The list of tasks as eye and hand meet it: its measures, targets, addresses and weight; and that it keeps still."""

import re

import pytest
from playwright.async_api import Browser, Response, expect
from sqlalchemy import text

from holdgate.core.db import Database
from holdgate.core.principal import Principal
from tests.factories.approvals import principal
from tests.factories.people import PEOPLE
from tests.factories.site import Served
from tests.factories.tasks import make_task
from tests.journeys.conftest import OpenPage
from tests.journeys.keys import Keys

pytestmark = pytest.mark.browser

MOST = 130_000  # bytes on the wire, of the page with all that it loads
ROUNDS = 25  # times that the list is renewed: as in more than a minute of a page that is left open

MEASURES = """() => {
  const width = (each) => each.getBoundingClientRect().width;
  const table = document.querySelector('.table--rows'), first = table.querySelector('tbody .main-cell');
  return {
    rows: [...table.tBodies[0].rows].map((row) => row.getBoundingClientRect().height),
    table: width(table),
    share: width(first) / width(table),
  };
}"""

# Where the first row is, at every frame from now on.
WATCH = """() => {
  const row = () => document.querySelector('.table--rows tbody tr');
  const { id } = row(), { top } = row().getBoundingClientRect();
  window.watched = { frames: 0, moved: [] };
  const look = () => {
    watched.frames += 1;
    const now = row().getBoundingClientRect().top;
    if (row().id !== id || now !== top) watched.moved.push([row().id, now - top]);
    requestAnimationFrame(look);
  };
  look();
}"""

RENEW = """() => new Promise((done) => {
  document.addEventListener('htmx:afterSettle', done, { once: true });
  htmx.trigger('#tasks', 'live');
})"""


@pytest.fixture
async def root(database: Database) -> Principal:
    return await principal(database, "root@example.org", admin=True)


async def test_rows_are_low_the_first_column_is_wide_and_the_whole_row_leads_to_its_task(
    database: Database, root: Principal, open_page: OpenPage
) -> None:
    one, _ = [await make_task(database, title=f"{name} task", owner_id=root.id) for name in ("First", "Second")]
    page = await open_page(root, "/tasks", viewport={"width": 1600, "height": 900})
    found = await page.evaluate(MEASURES)
    assert [round(height) for height in found["rows"]] == [36, 36]
    assert found["table"] <= 1320
    assert found["share"] == pytest.approx(0.4, abs=0.01)
    place = await page.locator(f"#task-{one}").bounding_box()
    assert place
    await page.mouse.click(place["x"] + place["width"] * 0.75, place["y"] + place["height"] - 3)
    await expect(page).to_have_url(re.compile(f"/tasks/{one}$"))


async def test_an_address_says_what_is_looked_for_and_the_way_back_has_it_in_the_box(
    database: Database, root: Principal, open_page: OpenPage
) -> None:
    one, _ = [await make_task(database, title=f"{name} task", owner_id=root.id) for name in ("First", "Second")]
    page = await open_page(root, "/tasks")
    await page.wait_for_load_state()
    box = page.get_by_label("Title or ID")
    await box.fill("first")
    await box.press("Enter")
    await expect(page).to_have_url(re.compile(r"/tasks\?q=first$"))
    await page.get_by_role("link", name="First task").click()
    await expect(page).to_have_url(re.compile(f"/tasks/{one}$"))
    await page.go_back()
    await expect(page).to_have_url(re.compile(r"/tasks\?q=first$"))
    await expect(box).to_have_value("first")
    await page.go_back()
    await expect(page).to_have_url(re.compile("/tasks$"))
    await expect(page.get_by_role("link", name="Second task")).to_be_visible()
    await expect(box).to_have_value("")


async def test_a_stop_before_the_filter_leads_past_it(database: Database, root: Principal, open_page: OpenPage) -> None:
    await make_task(database, owner_id=root.id)
    page = await open_page(root, "/tasks")
    keys = Keys(page)
    await keys.go("Skip to results")
    await expect(page.locator("#results")).to_be_focused()
    await keys.step()
    assert await page.evaluate("document.getElementById('tasks').contains(document.activeElement)"), keys.stops


async def test_the_first_row_stays_where_it_is_under_live_traffic(
    database: Database, root: Principal, open_page: OpenPage
) -> None:
    made = [await make_task(database, title=f"Task {n}") for n in range(ROUNDS)]
    page = await open_page(root, "/tasks")
    await page.wait_for_load_state()
    await page.locator("tbody tr").first.hover()
    await page.evaluate(WATCH)
    for n in range(ROUNDS):
        await make_task(database, title=f"Comes {n}")
        async with database.write("system") as session:  # also the first row itself changes
            statement = text("UPDATE tasks SET state = 'cancelled', finished_at = now() WHERE id = :id")
            await session.execute(statement, {"id": made[-1 - n]})
        await page.evaluate(RENEW)
    await expect(page.get_by_role("button", name=f"{ROUNDS} new")).to_be_visible()
    await expect(page.locator("tbody tr").first.get_by_text("Cancelled")).to_be_visible()
    watched = await page.evaluate("watched")
    assert watched["moved"] == []
    assert watched["frames"] > ROUNDS


async def test_the_page_of_tasks_weighs_less_than_130_kb(
    database: Database, root: Principal, site: Served, browser: Browser
) -> None:
    PEOPLE[root.email] = root
    for number in range(51):
        await make_task(database, title=f"A task with a title of usual length, number {number}")
    context = await browser.new_context(base_url=site.base, extra_http_headers={"X-Test-User": root.email})
    page = await context.new_page()  # nothing is in this browser's cache
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    await page.goto("/tasks", wait_until="load")
    await page.wait_for_function("document.querySelectorAll('tbody tr').length === 50")
    sizes = {
        answer.url: (await answer.request.sizes())["responseBodySize"]
        for answer in answers
        if not answer.url.endswith("/events")  # open as long as the page is
    }
    kinds = {url.rsplit(".", 1)[-1] for url in sizes}
    assert {"css", "js"} <= kinds
    assert sum(sizes.values()) < MOST, sorted(sizes.items(), key=lambda item: -item[1])[:6]
    print(f"/tasks: {sum(sizes.values())} bytes in {len(sizes)} answers")
    await context.close()
