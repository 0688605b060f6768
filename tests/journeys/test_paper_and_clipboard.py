"""What people take along: a receipt on paper, a request of the API to send or to copy."""

import pytest
from playwright.async_api import expect

from holdgate.core.config import Settings
from holdgate.core.db import Database
from tests.factories.approvals import decided, principal
from tests.factories.programs import token_for
from tests.journeys.conftest import OpenPage

pytestmark = pytest.mark.browser

ROOT = "root@example.org"


async def test_a_receipt_prints_as_a_sheet_with_a_code_that_leads_to_its_verification(
    database: Database, settings: Settings, open_page: OpenPage
) -> None:
    asked = await decided(database, settings)
    root = await principal(database, ROOT, admin=True)
    page = await open_page(root, f"/approvals/{asked.approval_id}/receipt", color_scheme="dark")
    ink = "getComputedStyle(document.body).color"
    on_screen = await page.evaluate(ink)
    await page.emulate_media(media="print")
    on_paper = await page.evaluate(ink)
    await page.emulate_media(media="print", color_scheme="light")
    assert on_screen != on_paper == await page.evaluate(ink), "dark on white, whatever the screen has"
    for gone in ("header.head", "footer.foot", ".crumbs", "main .button"):
        assert await page.locator(gone).evaluate_all("all => all.filter((each) => each.checkVisibility())") == [], gone
    code = page.get_by_role("link", name="Verify this receipt")
    await expect(code.locator("svg")).to_be_visible()
    box = await code.locator("svg").bounding_box()
    assert box
    assert box["width"] > 100
    target = await code.get_attribute("href")
    assert target
    await page.goto(target.removeprefix(settings.base_url))
    await expect(page.locator("main")).to_contain_text(str(asked.approval_id))


async def test_the_pages_of_the_api_send_what_they_show_and_copy_it(
    database: Database, settings: Settings, open_page: OpenPage
) -> None:
    root = await principal(database, ROOT, admin=True)
    async with database.write("system") as session:
        token = await token_for(session, root.id)
    page = await open_page(root, "/overview")
    await page.locator("#menu-account summary").click()
    await page.get_by_role("link", name="API reference").click()
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await expect(page.get_by_role("navigation", name="Main").get_by_role("link", name="Tasks")).to_be_visible()
    route = page.locator("details").filter(has=page.get_by_text("Make a task", exact=True))
    await route.locator("summary").click()
    await route.get_by_role("button", name="Copy curl").click()
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("curl -X POST ")
    assert "/api/v1/tasks'" in copied
    await route.get_by_role("button", name="Try it").click()
    await route.get_by_role("textbox", name="Body").fill(
        '{"kind": "sample.task", "payload": {}, "title": "Tried from the page"}'
    )
    send, answer = route.get_by_role("button", name="Send POST"), route.get_by_role("status")
    await send.click()
    await expect(answer).to_contain_text("401")
    await route.get_by_label("Token").fill(token)
    await send.click()
    await expect(answer).to_contain_text("201")
    await page.goto("/tasks")
    await expect(page.get_by_role("link", name="Tried from the page")).to_be_visible()
