"""Open pages renew themselves, and take nothing away from whoever is at work on them."""

import re
from uuid import UUID

import pytest
from playwright.async_api import Route, expect
from sqlalchemy import text

from holdgate.core.db import Database
from holdgate.core.principal import Principal
from tests.factories.approvals import principal
from tests.factories.site import Served
from tests.factories.tasks import make_task
from tests.journeys.conftest import OpenPage

pytestmark = pytest.mark.browser

QUICK = 4_000  # milliseconds; without the stream these regions would be fetched after 15 seconds


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
