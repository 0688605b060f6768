"""Whole journeys by the keyboard alone. At every stop the focus must be seen; nothing holds it for ever."""

import re

import pytest
from playwright.async_api import Browser, Page, ViewportSize, expect

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from tests.factories.approvals import principal, put_question
from tests.factories.bulk import buried
from tests.factories.tasks import make_task
from tests.factories.workers import task_of
from tests.journeys.applicant import ANN, write_profile
from tests.journeys.conftest import Installation, OpenPage
from tests.journeys.keys import Keys
from tests.pages import BY_KEYBOARD

pytestmark = pytest.mark.browser

ROOT = "root@example.org"
ONE_PANE = ViewportSize(width=1024, height=900)  # of the inbox


@pytest.fixture
async def root(database: Database) -> Principal:
    return await principal(database, ROOT, admin=True)


async def heading(page: Page, words: str) -> None:
    await expect(page.get_by_role("heading", level=1)).to_contain_text(words)


async def test_from_signing_in_to_a_finished_run(
    installation: Installation, browser: Browser, database: Database
) -> None:
    """Signs in, imports a posting, starts a run, decides in the inbox, sees the run finished.

    Only the résumé is chosen otherwise: that is a dialog of the system.
    """
    installation.holdgate("user", "add", ANN)
    page = await (await browser.new_context(viewport=ONE_PANE)).new_page()
    keys = Keys(page)
    await page.goto(f"{installation.base}/login")
    await keys.to("Email address")
    await keys.type(ANN)
    await keys.press("Enter")
    await expect(page).to_have_url(re.compile("/login/sent$"))
    await page.goto(installation.link_in(await installation.mail_to(ANN, "sign-in")))
    await keys.go("Sign in")
    await expect(page).to_have_url(f"{installation.base}/overview")

    await write_profile(installation, page)

    await keys.press("Control+k")
    await keys.type("import")
    await keys.press("Enter")
    await heading(page, "Import")
    await keys.to("Or paste text")
    url = installation.site.url
    await keys.type(
        f"title,company,location,url,apply_url\nTypesetter,Quillwork,Leeds,{url}/jobs/typesetter,{url}/jobs/typesetter/apply"
    )
    await keys.go("Preview")
    await expect(page.get_by_role("rowheader", name="Typesetter")).to_be_visible()
    await keys.go("Import 1")
    await expect(page).to_have_url(re.compile("/postings$"))

    await keys.press("c", "r")
    await heading(page, "New run")
    await keys.go("Typesetter", press="Space")
    await keys.to("Search postings by title, company or location")
    await keys.type("typ")
    await keys.press("Enter")
    await expect(page).to_have_url(re.compile(r"/runs/new\?.*q=typ"))
    await expect(page.get_by_role("checkbox", name="Typesetter")).to_be_checked()
    await keys.to("Run name")
    await keys.press("Enter")
    await expect(page).to_have_url(re.compile("/runs/[0-9a-f-]{36}$"))
    run = page.url
    await installation.mail_to(ANN, "Typesetter")

    await keys.press("g", "a")
    await heading(page, "Approvals")
    await expect(page.locator("tbody tr").first).to_be_visible()
    await keys.press("j", "o")
    await expect(page).to_have_url(re.compile("/approvals/[0-9a-f-]{36}$"))
    await keys.go("Approve", press="Space")
    await keys.go("Submit decision")
    await expect(page.get_by_text("Approved").first).to_be_visible()
    await page.goto(run)
    await expect(page.get_by_text("Finished").first).to_be_visible(timeout=20_000)
    await page.context.close()


async def test_a_dead_letter_is_retried(database: Database, root: Principal, open_page: OpenPage) -> None:
    [task] = await buried(database, 1, owner_id=root.id, title="It broke")
    page = await open_page(root, "/overview")
    keys = Keys(page)
    await keys.press("g", "d")
    await heading(page, "Dead letters")
    await keys.to("RuntimeError")  # one stop for each row
    await keys.to("It broke", key="ArrowRight")
    await keys.press("Enter")
    await heading(page, "It broke")
    await keys.go("Retry")
    await heading(page, "Queued")
    assert (await task_of(database, task)).state == "queued"


async def test_a_question_is_decided_in_the_inbox(
    database: Database, settings: Settings, root: Principal, open_page: OpenPage
) -> None:
    asked = await put_question(database, settings, recipients=(ROOT,))
    page = await open_page(root, "/approvals", viewport=ONE_PANE)
    keys = Keys(page)
    await keys.go("May it go on?")
    await heading(page, "May it go on?")
    await keys.to("Approve")  # the group's first; arrows choose among them
    await keys.press("ArrowDown")
    await expect(page.get_by_role("radio", name="Reject")).to_be_checked()
    await keys.to("Reason")
    await keys.type("Not in this form.")
    await keys.go("Submit decision")
    await expect(page.get_by_text("Rejected").first).to_be_visible()
    assert (await task_of(database, asked.task_id)).state == "rejected"


async def test_the_palette_leads_to_a_task_and_gives_the_focus_back(
    database: Database, root: Principal, open_page: OpenPage
) -> None:
    task = await make_task(database, title="Find me")
    page = await open_page(root, "/overview")
    keys = Keys(page)
    await keys.to("Runs")
    await keys.press("Control+k")
    await keys.type("nothing")
    await keys.press("Escape")
    here = await keys.here()
    assert here is not None and here["name"] == "Runs", "Escape gives the focus back"
    await keys.press("Control+k")
    await keys.type(str(task))
    await keys.press("Enter")
    await expect(page).to_have_url(re.compile(f"/tasks/{task}$"))


async def test_a_confirmation_keeps_the_focus_inside_and_gives_it_back(
    database: Database, root: Principal, open_page: OpenPage
) -> None:
    task = await make_task(database, title="Wanted", owner_id=root.id)
    page = await open_page(root, f"/tasks/{task}")
    keys = Keys(page)
    await keys.go("Cancel this task")
    await expect(page.get_by_role("dialog")).to_be_visible()
    inside = await keys.here()
    assert inside is not None and inside["inDialog"]
    assert inside["name"] == "Keep as it is", "the harmless answer has the focus"
    for _ in range(4):
        at = await keys.step()
        assert at is None or at["inDialog"], f"the focus has left the dialog: {at}"
    await keys.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    here = await keys.here()
    assert here is not None and here["name"].startswith("Cancel"), "it comes back to the button"
    assert (await task_of(database, task)).state == "queued"
    await keys.press("Enter")
    await keys.go("Cancel")
    await heading(page, "Cancelled")


async def test_the_first_stop_skips_to_the_content(root: Principal, open_page: OpenPage) -> None:
    page = await open_page(root, "/tasks")
    keys = Keys(page)
    await keys.go("Skip to content")
    await expect(page.locator("#main")).to_be_focused()
    await keys.step()
    assert await page.evaluate("document.getElementById('main').contains(document.activeElement)")


@pytest.mark.parametrize("path", BY_KEYBOARD)
async def test_tab_goes_through_the_whole_page_in_the_order_it_is_read_and_out_again(
    database: Database, settings: Settings, root: Principal, open_page: OpenPage, path: str
) -> None:
    """No trap, no positive tabindex, every stop seen; and back again the same way."""
    await make_task(database, owner_id=root.id)
    await buried(database, 1, owner_id=root.id)
    await put_question(database, settings, recipients=(ROOT,))
    page = await open_page(root, path, viewport=ONE_PANE)
    assert await page.locator("[tabindex]:not([tabindex='0']):not([tabindex='-1'])").count() == 0
    keys = Keys(page)
    for _ in range(200):
        if await keys.step() is None:
            break
    else:
        raise AssertionError(f"Tab never leaves the page: {keys.stops[-10:]}")
    assert keys.stops[0] == "Skip to content"
    forwards, keys.stops = _timeless(keys.stops), []
    for _ in range(len(forwards)):
        await keys.step("Shift+Tab")
    assert sorted(_timeless(keys.stops)) == sorted(forwards)


def _timeless(stops: list[str]) -> list[str]:
    """Without the time left, which runs meanwhile."""
    return [re.sub(r"\d+:\d\d", "…", stop) for stop in stops]
