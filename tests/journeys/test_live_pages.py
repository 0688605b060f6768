"""Open pages renew themselves, and take nothing away from whoever is at work on them."""

import asyncio
import re
from uuid import UUID

import pytest
from playwright.async_api import Route, expect
from sqlalchemy import text

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.runtime.attempts.journal import Journal
from tests.factories.approvals import principal, put_question
from tests.factories.site import Served
from tests.factories.tasks import claim, make_task
from tests.journeys.conftest import OpenPage

pytestmark = pytest.mark.browser

QUICK = 4_000  # milliseconds; without the stream these regions would be fetched after 15 seconds

# From now on `moved` has the id of each element that is moved by a script; one that goes has none any more.
WATCH_MOVES = """() => {
  window.moved = [];
  const animate = Element.prototype.animate;
  Element.prototype.animate = function (...all) {
    window.moved.push(this.id || "gone");
    return animate.apply(this, all);
  };
}"""
# Says of the line at the top how it is drawn, when it comes.
WATCH_LINE = """() => new MutationObserver(() => {
  const { position, blockSize } = getComputedStyle(document.documentElement, "::before");
  window.shown(`${position} ${blockSize}`);
}).observe(document.documentElement, { attributeFilter: ["data-leaving"] })"""
# Twenty seconds pass between two looks at the clock.
HURRY = "() => { let at = performance.now(); performance.now = () => (at += 20_000); }"


@pytest.fixture
async def root(database: Database) -> Principal:
    return await principal(database, "root@example.org", admin=True)


async def cancel(database: Database, task: UUID) -> None:
    statement = text("UPDATE tasks SET state = 'cancelled', finished_at = now() WHERE id = :id")
    async with database.write("system") as session:
        await session.execute(statement, {"id": task})


async def test_a_new_task_shows_by_itself_when_nobody_is_at_work_in_the_list(
    database: Database, root: Principal, open_page: OpenPage
) -> None:
    await make_task(database, title="The first")
    page = await open_page(root, "/tasks")
    await expect(page.get_by_text("The first")).to_be_visible()
    await make_task(database, title="The second")
    await expect(page.get_by_text("The second")).to_be_visible(timeout=QUICK)


async def test_rows_fade_in_and_slide_out_unless_less_motion_is_asked_for(
    database: Database, root: Principal, open_page: OpenPage
) -> None:
    first = await make_task(database, title="The first")
    page = await open_page(root, "/tasks?state=queued")
    await page.evaluate(WATCH_MOVES)
    second = await make_task(database, title="The second")
    await expect(page.get_by_text("The second")).to_be_visible(timeout=QUICK)
    assert await page.evaluate("moved") == [f"task-{second}"]
    await cancel(database, first)
    await expect(page.get_by_text("The first")).to_have_count(0, timeout=QUICK)
    assert await page.evaluate("moved") == [f"task-{second}", "gone"]
    await page.emulate_media(reduced_motion="reduce")
    await make_task(database, title="The third")
    await expect(page.get_by_text("The third")).to_be_visible(timeout=QUICK)
    await cancel(database, second)
    await expect(page.get_by_text("The second")).to_have_count(0, timeout=QUICK)
    assert len(await page.evaluate("moved")) == 2


async def test_a_tab_says_how_many_requests_wait_while_nobody_looks_at_it(
    database: Database, settings: Settings, root: Principal, open_page: OpenPage
) -> None:
    page = await open_page(root, "/schedules")
    icon, count = page.locator("#icon"), page.locator(".head-nav .count--hold")
    await expect(count).to_be_hidden()
    await page.evaluate(HURRY)
    asked = await put_question(database, settings, recipients=(root.email,))
    await expect(page).to_have_title(re.compile(r"^\(1\) Schedules"), timeout=QUICK)
    await expect(icon).to_have_attribute("href", re.compile("favicon-dot"))
    await expect(count).to_have_text("1 waiting")
    await cancel(database, asked.task_id)
    await expect(page).to_have_title(re.compile("^Schedules"), timeout=QUICK)
    await expect(icon).to_have_attribute("href", re.compile(r"favicon\."))
    await expect(count).to_be_hidden()


async def test_a_line_says_that_a_page_is_on_its_way(root: Principal, open_page: OpenPage) -> None:
    page = await open_page(root, "/tasks")
    shown = asyncio.Queue[str]()

    async def slowly(route: Route) -> None:
        assert await shown.get() == "fixed 2px"
        await route.continue_()

    await page.expose_function("shown", shown.put_nowait)
    await page.evaluate(WATCH_LINE)
    await page.route("**/runs", slowly)
    await page.get_by_role("navigation").get_by_role("link", name="Runs").click()
    await page.wait_for_url("**/runs")
    await expect(page.locator("html")).not_to_have_attribute("data-leaving", "")


async def test_lines_that_a_handler_logs_show_while_it_runs(
    database: Database, root: Principal, open_page: OpenPage
) -> None:
    task = await make_task(database)
    [claimed] = await claim(database)
    journal = Journal(database, "worker:test")
    write = journal.of(claimed)
    page = await open_page(root, f"/tasks/{task}")
    log = page.get_by_role("log", name="Log of attempt 1")
    for number, said in enumerate(("page 1 of 2 read", "page 2 of 2 read"), 1):
        write((f"2026-11-29T12:00:0{number}+00:00", "info", said))
        await journal.flush()
        await expect(log).to_contain_text(said, timeout=QUICK)
    await expect(log.locator("[data-level=info]")).to_have_count(2)


async def test_rows_do_not_move_under_the_pointer_and_wait_behind_a_bar(
    database: Database, root: Principal, open_page: OpenPage
) -> None:
    first = await make_task(database, title="The first")
    page = await open_page(root, "/tasks")
    await page.locator(f"#task-{first}").hover()
    place = await page.locator(f"#task-{first}").bounding_box()
    for name in ("second", "third"):
        await make_task(database, title=f"The {name}")
    news = page.get_by_role("button", name="2 new")
    await expect(news).to_be_visible(timeout=QUICK)
    await expect(page.get_by_text("The third")).to_have_count(0)
    # What is there is renewed all the same.
    async with database.write("system") as session:
        await session.execute(
            text("UPDATE tasks SET state = 'cancelled', finished_at = now() WHERE id = :id"), {"id": first}
        )
    await expect(page.locator(f"#task-{first}").get_by_text("Cancelled")).to_be_visible(timeout=QUICK)
    now = await page.locator(f"#task-{first}").bounding_box()
    assert place and now
    assert abs(place["y"] - now["y"]) < place["height"], "the bar may stand above the list; no row has come in between"
    await news.click()
    await expect(page.get_by_text("The third")).to_be_visible(timeout=QUICK)
    await expect(page.get_by_role("button", name="new")).to_have_count(0)


async def test_a_choice_an_open_fold_and_the_focus_live_through_a_swap(
    database: Database, root: Principal, open_page: OpenPage
) -> None:
    task = await make_task(database, title="Watched")
    page = await open_page(root, "/tasks/new")

    async def with_fold(route: Route) -> None:
        """Every row with a fold."""
        answer = await route.fetch()
        made = "<details><summary>More</summary>Inside</details>"
        body = re.sub(r'(<td data-label="Queue">)', rf"\1{made}", await answer.text())
        await route.fulfill(response=answer, body=body)

    await page.route(re.compile("/tasks$"), with_fold)
    await page.goto("/tasks")
    row = page.locator(f"#task-{task}")
    await row.get_by_label("Select Watched").check()
    await row.get_by_text("More").click()
    await row.get_by_role("link", name="Watched").focus()
    await cancel(database, task)
    await make_task(database, title="Another")
    await expect(row.get_by_text("Cancelled")).to_be_visible(timeout=QUICK)
    await expect(row.get_by_label("Select Watched")).to_be_checked()
    await expect(row.get_by_text("Inside")).to_be_visible()
    await expect(row.get_by_role("link", name="Watched")).to_be_focused()
    await expect(page.get_by_role("button", name="1 new")).to_be_visible(timeout=QUICK)


async def test_what_is_half_typed_is_left_alone(database: Database, root: Principal, open_page: OpenPage) -> None:
    await make_task(database, title="The first")
    page = await open_page(root, "/tasks")
    await page.get_by_label("Title or ID").press_sequentially("half ty")
    await make_task(database, title="The second")
    await expect(page.get_by_text("The second")).to_be_visible(timeout=QUICK)
    await expect(page.get_by_label("Title or ID")).to_have_value("half ty")
    await expect(page.get_by_label("Title or ID")).to_be_focused()


async def test_without_the_stream_pages_poll(database: Database, root: Principal, open_page: OpenPage) -> None:
    page = await open_page(root, "/tasks/new")
    await page.route("**/events", lambda route: route.abort())
    await page.goto("/tasks")
    await make_task(database, title="Polled for")
    await expect(page.get_by_text("Polled for")).to_be_visible(timeout=8_000)


async def test_the_page_says_that_the_server_is_gone_and_that_it_is_back(
    database: Database, root: Principal, open_page: OpenPage, site: Served
) -> None:
    page = await open_page(root, "/tasks/new")
    await page.get_by_label("Title").fill("half written")
    notice = page.get_by_text("Can’t reach the server.")
    await expect(notice).to_be_hidden()
    await page.wait_for_load_state("load")
    await site.stop()
    await expect(notice).to_be_visible(timeout=10_000)
    await site.start()
    await expect(notice).to_be_hidden(timeout=10_000)
    await expect(page.get_by_label("Title")).to_have_value("half written")


HEARD = "() => new Promise((done) => document.addEventListener('holdgate:change', done, { once: true }))"


async def test_a_key_stops_what_is_live_and_starts_it_again(
    database: Database, root: Principal, open_page: OpenPage
) -> None:
    page = await open_page(root, "/tasks")
    fetched: list[str] = []
    await page.wait_for_load_state()
    await page.keyboard.press("p")
    await expect(page.get_by_text("Live updates are paused.")).to_be_visible()
    page.on("request", lambda request: fetched.append(request.url))
    for name in ("first", "second"):  # told of both; the first would have been fetched by the time of the second
        heard = asyncio.ensure_future(page.evaluate(HEARD))
        await make_task(database, title=f"The {name}")
        await heard
    assert [url for url in fetched if url.endswith("/tasks")] == []
    await page.keyboard.press("p")
    await expect(page.get_by_text("The second")).to_be_visible(timeout=QUICK)
    await expect(page.get_by_text("Live updates are paused.")).to_be_hidden()
