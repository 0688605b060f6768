"""The command palette and the shortcuts."""

import asyncio
import contextlib
import re

import pytest
from playwright.async_api import Error, Route, expect

from holdgate.core.db import Database
from holdgate.core.principal import Principal
from tests.factories.approvals import principal
from tests.factories.bulk import buried
from tests.factories.tasks import make_task
from tests.journeys.conftest import OpenPage

pytestmark = pytest.mark.browser


FIRST_ROW = "scrollY + document.querySelector('tbody tr').getBoundingClientRect().top"  # on the page


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
    say, place = bar.get_by_role("status"), await page.evaluate(FIRST_ROW)
    for key in "jxjjx":
        await page.keyboard.press(key)
    await expect(chosen).to_have_count(2)
    await expect(say).to_have_text("2 selected")
    await expect(say).to_be_in_viewport()
    await expect(bar.get_by_role("button", name="Retry")).to_be_in_viewport()
    assert await page.evaluate(FIRST_ROW) == place, "the bar pushes nothing aside"
    everything = page.get_by_role("checkbox", name="Select all on this page")
    assert await everything.evaluate("box => box.indeterminate")
    await make_task(database, title="Comes while somebody chooses")  # a swap takes nothing of it away
    await expect(page.get_by_role("button", name="1 new")).to_be_visible()
    await expect(say).to_have_text("2 selected")
    await expect(say).to_be_in_viewport()
    # From the last one chosen to this one.
    await page.locator(f"#task-{made[-6]} [data-select]").click(modifiers=["Shift"])
    await expect(chosen).to_have_count(5)
    await page.keyboard.press("X")
    await expect(say).to_have_text("40 selected")
    await page.keyboard.press("b")
    await expect(bar.get_by_role("button", name="Retry")).to_be_focused()
    await everything.click()
    await expect(chosen).to_have_count(0)
    await expect(bar).not_to_be_in_viewport()
    # What is done with them is done at once, and the key that undoes a decision undoes it too.
    for key in "jx":
        await page.keyboard.press(key)
    await bar.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_text("1 task cancelled.")).to_be_visible()
    await page.wait_for_load_state()
    await page.keyboard.press("z")
    await expect(page.get_by_text("Undone for 1 task.")).to_be_visible()


async def test_a_row_is_one_stop_and_arrows_lead_to_what_else_is_in_it(
    database: Database, root: Principal, open_page: OpenPage
) -> None:
    older, newer = await buried(database, 2, owner_id=root.id)
    page = await open_page(root, "/tasks")
    await page.wait_for_load_state()  # stops.js
    link = page.locator(f"#task-{newer} .main-cell a")
    await link.focus()
    await page.keyboard.press("Tab")
    await expect(page.locator(f"#task-{older} .main-cell a")).to_be_focused()
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("ArrowLeft")
    box = page.locator(f"#task-{newer} [data-select]")
    await expect(box).to_be_focused()
    await page.keyboard.press("Space")
    await expect(box).to_be_checked()
    await page.keyboard.press("ArrowRight")
    await expect(link).to_be_focused()
    # Also after the list was renewed.
    await make_task(database, title="Comes meanwhile")
    await expect(page.get_by_role("button", name="1 new")).to_be_visible()
    await expect(box).to_have_attribute("tabindex", "-1")
    await page.goto("/dead-letters")
    await page.wait_for_load_state()
    row = page.locator("tr[id^=error-]").first
    await row.locator(".main-cell a").focus()
    for _ in range(3):  # its example, Redrive, and the menu
        await page.keyboard.press("ArrowRight")
    await expect(row.locator("summary")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("ArrowRight")
    await expect(row.get_by_role("link", name="Retry all")).to_be_focused()
    assert await row.evaluate("row => [...row.querySelectorAll('*')].filter((each) => each.tabIndex === 0).length") == 1


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
