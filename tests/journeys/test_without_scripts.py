"""What people do every day, in a browser that runs no script: by links, forms and buttons alone.

The main job, from signing in to the approval on a phone, is in test_application.py.
"""

import re

import pytest
from playwright.async_api import Page, expect

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from tests.factories.approvals import approval_of, principal, put_question
from tests.factories.bulk import buried, finish
from tests.factories.tasks import make_task
from tests.factories.workers import task_of
from tests.journeys.conftest import OpenPage

pytestmark = pytest.mark.browser

ROOT = "root@example.org"


@pytest.fixture
async def root(database: Database) -> Principal:
    return await principal(database, ROOT, admin=True)


@pytest.fixture
async def page(root: Principal, open_page: OpenPage) -> Page:
    return await open_page(root, "/overview", java_script_enabled=False)


async def test_deciding_in_the_inbox(database: Database, settings: Settings, page: Page) -> None:
    asked = await put_question(database, settings, recipients=(ROOT,))
    await page.get_by_role("link", name="Approvals").first.click()
    await page.locator("tr[id^=approval-] .main-cell a").click()
    await page.get_by_label("Wish").fill("another")
    await page.get_by_role("radio", name="Reject").check()
    await page.get_by_role("button", name="Submit decision").click()
    await expect(page.get_by_text("Error:").first).to_be_visible()  # a rejection needs its reason
    await expect(page.get_by_label("Wish")).to_have_value("another")
    await page.get_by_label("Approve").check()
    await page.get_by_role("button", name="Submit decision").click()
    await expect(page.get_by_text("Approved").first).to_be_visible()
    approval = await approval_of(database, asked)
    assert (approval.decided_by, approval.answer) == (ROOT, {"wish": "another"})
    assert (await task_of(database, asked.task_id)).state == "queued"


async def test_asking_back_and_passing_on(
    database: Database, settings: Settings, page: Page, open_page: OpenPage
) -> None:
    asked = await put_question(database, settings, recipients=(ROOT,))
    await page.goto(f"/approvals/{asked.approval_id}")
    await page.get_by_text("Request clarification from owner@example.org").click()
    await page.get_by_label("Your question").fill("Which colour?")
    await page.get_by_role("button", name="Send question", exact=True).click()
    await expect(page.get_by_text("Which colour?").first).to_be_visible()

    owner = await open_page(await principal(database), f"/approvals/{asked.approval_id}", java_script_enabled=False)
    await owner.get_by_label("Your reply").fill("Blue.")
    await owner.get_by_role("button", name="Send reply").click()
    await expect(owner.get_by_text("Blue.").first).to_be_visible()

    await page.reload()
    await expect(page.get_by_text("Blue.").first).to_be_visible()
    await page.get_by_text("Delegate to someone else").click()
    await page.get_by_label("Colleague’s email").fill("colleague@example.org")
    await page.get_by_role("button", name="Delegate").click()
    await expect(page.get_by_text("Delegated to colleague@example.org")).to_be_visible()


async def test_retrying_a_dead_letter(database: Database, root: Principal, page: Page) -> None:
    [task] = await buried(database, 1, owner_id=root.id, title="It broke")
    await page.goto("/dead-letters")
    await page.get_by_role("link", name="It broke").click()
    await page.get_by_role("button", name="Retry").first.click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Queued")
    assert (await task_of(database, task)).state == "queued"


async def test_cancelling_many_at_once_and_taking_it_back(database: Database, root: Principal, page: Page) -> None:
    tasks = [await make_task(database, owner_id=root.id, title=f"Task {n}") for n in range(3)]
    await page.goto("/tasks?state=queued")
    for n in (0, 2):
        await page.get_by_role("checkbox", name=f"Select Task {n}").check()
    await page.get_by_role("button", name="Cancel").click()
    await expect(page).to_have_url(re.compile(r"/tasks\?state=queued$"))
    await expect(page.get_by_text("2 tasks cancelled.")).to_be_visible()
    assert [(await task_of(database, task)).state for task in tasks] == ["cancelled", "queued", "cancelled"]
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_text("Undone for 2 tasks.")).to_be_visible()
    assert [(await task_of(database, task)).state for task in tasks] == ["queued"] * 3


async def test_changing_the_priority_of_all_that_match_after_a_confirmation(
    database: Database, root: Principal, page: Page
) -> None:
    tasks = [await make_task(database, owner_id=root.id) for _ in range(2)]
    await page.goto("/tasks?state=queued")
    await page.get_by_text("All 2 that match").click()
    await page.get_by_role("link", name="Change priority…").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("2 tasks")
    await page.get_by_label("Priority").fill("900")
    await page.get_by_role("button", name="Change the priority of 2 tasks").click()
    await expect(page).to_have_url(re.compile("/bulk/[0-9a-f-]{36}$"))
    await finish(database)
    assert [(await task_of(database, task)).priority for task in tasks] == [900, 900]


async def test_pausing_a_queue_and_resuming_it(database: Database, page: Page) -> None:
    await make_task(database)
    await page.goto("/queues")
    await page.get_by_role("button", name="Pause queue default").click()
    await expect(page.get_by_text("paused by").first).to_be_visible()
    await page.get_by_role("button", name="Resume queue default").click()
    await expect(page.get_by_role("button", name="Pause queue default")).to_be_visible()


async def test_making_a_task(database: Database, page: Page) -> None:
    await page.goto("/tasks/new")
    await page.locator("select[name=kind]").select_option("sample.task")
    await page.get_by_role("button", name="Select kind").click()
    await page.get_by_role("link", name="JSON").click()
    await page.locator("[name=payload]").fill('{"steps": "three"}')
    await page.get_by_label("Title").fill("By hand")
    await page.get_by_role("button", name="Create task").click()
    await expect(page.get_by_text("Expected `int`").first).to_be_visible()
    await expect(page.get_by_label("Title")).to_have_value("By hand")
    await page.locator("[name=payload]").fill('{"steps": 3}')
    await page.get_by_role("button", name="Create task").click()
    await expect(page).to_have_url(re.compile("/tasks/[0-9a-f-]{36}$"))
    await expect(page.get_by_role("heading", level=1)).to_contain_text("By hand")


async def test_saving_the_settings(page: Page) -> None:
    await page.goto("/settings")
    await page.get_by_label("Name", exact=True).fill("Ruth Root")
    await page.get_by_label("Question 1").fill("Notice period?")
    await page.get_by_label("Answer 1").fill("A month")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_label("Name", exact=True)).to_have_value("Ruth Root")
    await expect(page.get_by_label("Answer 1")).to_have_value("A month")
    await page.get_by_role("combobox", name="Time zone").select_option("Europe/Berlin")
    await page.get_by_role("button", name="Save time zone").click()
    await page.get_by_label("Email me when a run finishes").set_checked(False)
    await page.get_by_role("button", name="Save notifications").click()
    await expect(page.get_by_label("Email me when a run finishes")).not_to_be_checked()


async def test_making_a_token_and_revoking_it(page: Page) -> None:
    await page.goto("/settings")
    await page.get_by_role("link", name="API tokens").click()
    await page.get_by_label("Name").fill("nightly import")
    await page.get_by_role("checkbox").first.check()
    await page.get_by_role("button", name="Create token").click()
    await expect(page.get_by_text(re.compile("^hg_")).first).to_be_visible()
    await page.get_by_role("link", name="Revoke nightly import").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Revoke nightly import")
    await page.get_by_role("button", name="Revoke token").click()
    await expect(page).to_have_url(re.compile("/settings/tokens$"))
    await expect(page.get_by_role("link", name="Revoke nightly import")).to_have_count(0)


async def test_adding_a_webhook(page: Page) -> None:
    await page.goto("/settings")
    await page.get_by_role("main").get_by_role("link", name="Webhooks").click()
    await page.get_by_label("URL").fill("https://hooks.example.org/told")
    await page.get_by_role("checkbox").first.check()
    await page.get_by_role("button", name="Add webhook").click()
    await expect(page.get_by_text("whsec_").first).to_be_visible()
    await expect(page.get_by_role("button", name="Rotate secret")).to_be_visible()
