"""The command palette and the shortcuts."""

import asyncio
import contextlib
import re

import pytest
from playwright.async_api import Error, Route, expect

from holdgate.core.db import Database
from holdgate.core.principal import Principal
from tests.factories.approvals import principal
from tests.factories.tasks import make_task
from tests.journeys.conftest import OpenPage

pytestmark = pytest.mark.browser


@pytest.fixture
async def root(database: Database) -> Principal:
    return await principal(database, "root@example.org", admin=True)


async def test_the_palette_opens_a_task_by_the_beginning_of_its_id(
    database: Database, root: Principal, open_page: OpenPage
) -> None:
    task = await make_task(database, title="Find me")
    page = await open_page(root, "/overview")
    await page.keyboard.press("Control+k")
    await expect(page.get_by_label("Search pages, runs, tasks or IDs")).to_be_focused()
    await page.keyboard.type(str(task)[:13])
    await expect(page.locator("#palette").get_by_role("link", name="Find me")).to_be_visible()
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("#palette").get_by_role("link", name="Find me")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(f"/tasks/{task}$"))


async def test_enter_opens_the_first_that_is_found_and_escape_leaves_all_as_it_was(
    root: Principal, open_page: OpenPage
) -> None:
    page = await open_page(root, "/overview")
    await page.get_by_role("link", name="Search").click()
    await page.keyboard.type("dead")
    await expect(page.locator("#palette-results a")).to_have_count(2)
    await page.keyboard.press("Escape")
    await expect(page.locator("#palette")).to_be_hidden()
    await expect(page).to_have_url(re.compile("/overview$"))
    asked, answered = asyncio.Queue[None](), asyncio.Event()

    async def slowly(route: Route) -> None:
        asked.put_nowait(None)
        await answered.wait()
        with contextlib.suppress(Error):  # the first is given up for the second
            await route.continue_()

    await page.route("**/search?*", slowly)
    await page.keyboard.press("Control+k")
    await asked.get()
    await page.keyboard.press("Enter")
    await asked.get()
    answered.set()
    await expect(page).to_have_url(re.compile("/dead-letters$"))


async def test_keys_lead_from_page_to_page_and_walk_the_rows(
    database: Database, root: Principal, open_page: OpenPage
) -> None:
    older, newer = [await make_task(database, title=f"Task {n}") for n in (1, 2)]
    page = await open_page(root, "/overview")
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.keyboard.press("g")
    await page.keyboard.press("t")
    await expect(page).to_have_url(re.compile("/tasks$"))
    await page.wait_for_load_state()  # the keys come with a script
    await page.keyboard.press("j")
    await expect(page.locator(f"#task-{newer} a")).to_be_focused()
    await page.keyboard.press("j")
    await page.keyboard.press("k")
    await page.keyboard.press("j")
    await expect(page.locator(f"#task-{older} a")).to_be_focused()
    await page.keyboard.press("o")
    await expect(page).to_have_url(re.compile(f"/tasks/{older}$"))


async def test_rows_are_chosen_by_keys_and_what_to_do_with_them_is_in_sight(
    database: Database, root: Principal, open_page: OpenPage
) -> None:
    made = [await make_task(database, title=f"Task {n}") for n in range(40)]
    page = await open_page(root, "/tasks")
    chosen, bar = page.locator("[data-select]:checked"), page.locator(".bulk-bar")
    await expect(bar).not_to_be_in_viewport()
    for key in "jxjjx":
        await page.keyboard.press(key)
    await expect(chosen).to_have_count(2)
    await expect(bar.get_by_role("button", name="Selected (2)…")).to_be_in_viewport()
    everything = page.get_by_role("checkbox", name="Select all on this page")
    assert await everything.evaluate("box => box.indeterminate")
    await make_task(database, title="Comes while somebody chooses")  # a swap takes nothing of it away
    await expect(page.get_by_role("button", name="1 new")).to_be_visible()
    await expect(bar.get_by_role("button", name="Selected (2)…")).to_be_in_viewport()
    # From the last one chosen to this one.
    await page.locator(f"#task-{made[-6]} [data-select]").click(modifiers=["Shift"])
    await expect(chosen).to_have_count(5)
    await page.keyboard.press("X")
    await expect(bar.get_by_role("button", name="Selected (40)…")).to_be_visible()
    await page.keyboard.press("b")
    await expect(page.get_by_label("With these tasks")).to_be_focused()
    await everything.click()
    await expect(chosen).to_have_count(0)
    await expect(bar.get_by_role("button", name="Selected…")).not_to_be_in_viewport()


async def test_keys_do_nothing_while_somebody_types(root: Principal, open_page: OpenPage) -> None:
    page = await open_page(root, "/tasks")
    await page.keyboard.press("/")
    await page.keyboard.type("gt?jko")
    await expect(page.get_by_label("Title or ID")).to_have_value("gt?jko")
    await expect(page).to_have_url(re.compile("/tasks$"))


async def test_search_and_menus_work_without_a_script(database: Database, root: Principal, open_page: OpenPage) -> None:
    await make_task(database, title="Find me")
    page = await open_page(root, "/overview", java_script_enabled=False, viewport={"width": 390, "height": 844})
    await page.get_by_role("link", name="Search").click()
    await page.get_by_role("searchbox", name="Search pages, runs, tasks or IDs").fill("find")
    await page.get_by_role("button", name="Search").click()
    await page.locator("main").get_by_role("link", name="Find me").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Find me")
    await page.locator("#menu-more summary").click()
    await page.get_by_role("link", name="Dead letters").click()
    await expect(page).to_have_url(re.compile("/dead-letters$"))
    await expect(page.locator("#menu-more summary")).to_contain_text("Dead letters")
