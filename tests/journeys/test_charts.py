"""Charts as people see and use them: drawn from the table below, with a crosshair, in the colours of the page."""

import re

import pytest
from playwright.async_api import Locator, Page, expect
from sqlalchemy import text

from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.stats import counts, depths
from holdgate.tasks.states import TaskState
from tests.factories.approvals import principal
from tests.factories.site import Served
from tests.factories.stats import fold_all
from tests.factories.tasks import make_task
from tests.journeys.conftest import OpenPage

pytestmark = pytest.mark.browser

# How many pixels of a canvas have each colour, the most frequent first, without what is not painted.
COLOURS = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height), found = {};
  for (let n = 0; n < data.length; n += 4)
    if (data[n + 3] === 255) { const key = data.slice(n, n + 3).join(); found[key] = (found[key] ?? 0) + 1; }
  return Object.keys(found).sort((a, b) => found[b] - found[a]);
}"""

# Titles whose letters do not end on one line with those of their legend.
UNEVEN = """heads => heads.flatMap(head => {
  const end = (node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    return range.getBoundingClientRect().bottom;
  };
  const key = head.querySelector(".figure-key").lastChild;
  return Math.abs(end(head.querySelector(".figure-title")) - end(key)) > 0.6 ? [head.textContent] : [];
})"""


@pytest.fixture
async def root(database: Database) -> Principal:
    return await principal(database, "root@example.org", admin=True)


@pytest.fixture
async def busy(database: Database) -> None:
    for state in (TaskState.SUCCEEDED, TaskState.SUCCEEDED, TaskState.DEAD_LETTER):
        await make_task(database, state)
    await make_task(database)
    await fold_all(database)
    async with database.write("system") as session:
        await counts.fold_events(session)
        await depths.sample(session)


async def point_at(page: Page, chart: Locator, *, tap: bool = False) -> None:
    """The newest column that has something."""
    over = chart.locator(".u-over")
    await over.scroll_into_view_if_needed()
    box = await over.bounding_box()
    rows = chart.locator("tr[data-at]")
    values = await rows.evaluate_all("rows => rows.map(row => [...row.cells].some(cell => Number(cell.dataset.value)))")
    place = len(values) - 1 - values[::-1].index(True)
    assert box
    x, y = box["x"] + box["width"] * (place + 0.5) / len(values), box["y"] + box["height"] / 2
    await (page.touchscreen.tap(x, y) if tap else page.mouse.move(x, y))


@pytest.mark.usefixtures("busy")
async def test_the_table_is_drawn_and_the_crosshair_says_its_numbers_and_leads_to_the_tasks(
    root: Principal, open_page: OpenPage
) -> None:
    page = await open_page(root, "/overview")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    await page.reload()
    for key in ("throughput", "wait", "work", "depth", "oldest"):
        await expect(page.locator(f"#chart-{key} canvas")).to_have_count(1)
    assert await page.locator(".figure-head").evaluate_all(UNEVEN) == []
    chart = page.locator("#chart-throughput")
    await point_at(page, chart)
    tip = chart.locator(".figure-tip")
    await expect(tip).to_be_visible()
    assert re.search(r"Succeeded\s*2\s*Retries\s*0\s*Failed\s*1", await tip.inner_text())
    await page.mouse.down()
    await page.mouse.up()
    await page.wait_for_url(re.compile(r"/tasks\?finished_after="))
    await expect(page.locator("tr[id^=task-]")).to_have_count(3)
    assert not said


@pytest.mark.usefixtures("busy")
async def test_a_tap_shows_the_numbers_and_a_second_one_leads_to_the_tasks(
    root: Principal, open_page: OpenPage
) -> None:
    page = await open_page(root, "/overview", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    chart = page.locator("#chart-throughput")
    await expect(chart.locator("canvas")).to_have_count(1)
    await point_at(page, chart, tap=True)
    await expect(chart.locator(".figure-tip")).to_be_visible()
    assert "/overview" in page.url
    await point_at(page, chart, tap=True)
    await page.wait_for_url(re.compile(r"/tasks\?finished_after="))


@pytest.mark.usefixtures("busy")
async def test_new_numbers_come_into_the_same_picture_and_a_new_look_repaints_it(
    database: Database, root: Principal, site: Served, open_page: OpenPage
) -> None:
    page = await open_page(root, "/overview", color_scheme="light")
    canvas = page.locator("#chart-throughput canvas")
    await expect(canvas).to_have_count(1)
    await canvas.evaluate("canvas => { canvas.dataset.same = 'yes' }")
    before = await page.locator("#chart-throughput").get_attribute("data-top")
    for _ in range(20):
        await make_task(database, TaskState.SUCCEEDED)
    await fold_all(database)
    async with database.write("system") as session:  # what the page is told by
        await session.execute(text("SELECT 1"))
    await make_task(database)
    await expect(page.locator("#chart-throughput")).not_to_have_attribute("data-top", before or "", timeout=8_000)
    assert await canvas.get_attribute("data-same") == "yes"
    light = await canvas.evaluate(COLOURS)
    await page.emulate_media(color_scheme="dark")
    await expect(canvas).not_to_have_attribute("data-same", "yes")
    assert (await canvas.evaluate(COLOURS))[0] != light[0]
    place = page.locator("#chart-throughput .figure-plot")
    width = await canvas.evaluate("canvas => canvas.clientWidth")
    await page.set_viewport_size({"width": 500, "height": 800})
    await page.wait_for_function(
        "width => document.querySelector('#chart-throughput canvas').clientWidth !== width", arg=width
    )
    assert (await place.evaluate("place => place.scrollWidth - place.clientWidth")) == 0


@pytest.mark.usefixtures("busy")
async def test_without_a_script_the_numbers_are_an_open_table(root: Principal, open_page: OpenPage) -> None:
    page = await open_page(root, "/overview", java_script_enabled=False)
    await expect(page.locator("#chart-throughput .figure-plot")).to_be_hidden()
    await expect(page.locator("#chart-throughput tr[data-at]").first).to_be_visible()
    await page.locator("#chart-throughput tr[data-at] a").last.click()
    assert "/tasks?finished_after=" in page.url


async def test_pages_without_charts_load_nothing_that_draws_them(root: Principal, open_page: OpenPage) -> None:
    page = await open_page(root, "/tasks")
    assert await page.locator("[src*=uPlot], [href*=charts]").count() == 0
