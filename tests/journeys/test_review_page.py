"""The page of a link with every kind of block and a file to upload: readable however a person looks at it. And what
people take along: a receipt on paper, a request of the API."""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, FilePayload, ViewportSize, expect

from holdgate import FormField
from holdgate.approvals.pages import review
from holdgate.core.config import Settings
from holdgate.core.db import Database
from tests.factories.approvals import ANN, decided, principal, put_question
from tests.factories.blocks import every_block
from tests.factories.programs import token_for
from tests.factories.site import Served
from tests.journeys.conftest import EVERYTHING, RUN_AXE, TOO_WIDE, OpenPage

pytestmark = pytest.mark.browser

PHONE = ViewportSize(width=390, height=844)
DOUBLE = ViewportSize(width=195, height=422)  # the same phone at 200 %
FIELDS = (
    FormField("letter", "Letter", "textarea", value="Dear all,\n\nplease find my plan below.\n"),
    FormField("plan", "Plan", "file", required=True, limits={"accept": ["application/pdf", "image/png"]}),
)
PDF = FilePayload(
    name="A plan with quite a long name, as people give them.pdf",
    mimeType="application/pdf",
    buffer=b"%PDF-1.4\n%%EOF\n",
)
LOOKS: tuple[tuple[str, ViewportSize, dict[str, Any]], ...] = (
    ("light", PHONE, {"color_scheme": "light"}),
    ("dark", PHONE, {"color_scheme": "dark"}),
    ("forced", PHONE, {"forced_colors": "active"}),
    ("double", DOUBLE, {"color_scheme": "light", "device_scale_factor": 2}),
)


async def test_the_page_of_a_link_reads_on_a_phone_doubled_dark_and_in_forced_colours(
    site: Served,
    browser: Browser,
    database: Database,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(review, "TOO_QUICK", 0.0)
    asked = await put_question(
        database, settings, recipients=(ANN,), fields=FIELDS, shown=every_block(database, settings)
    )
    for name, viewport, look in LOOKS:
        context = await browser.new_context(
            viewport=viewport, bypass_csp=True, java_script_enabled=True, base_url=site.base, **look
        )
        page = await context.new_page()
        await page.goto(f"/review/{asked.tokens[0]}")
        if name == "light":
            await page.get_by_label("Letter").fill("Typed on a phone")
            await page.get_by_label("Plan").first.set_input_files(PDF)
            await page.get_by_role("button", name="Upload Plan").click()
            await expect(page.locator("[data-uploaded]")).to_contain_text(".pdf")
            assert await page.get_by_label("Letter").input_value() == "Typed on a phone"
        await page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
        assert await page.evaluate(TOO_WIDE) <= 0, name
        await page.evaluate(Axe().axe_script)
        assert await page.evaluate(RUN_AXE, EVERYTHING) == [], name
        await context.close()


async def test_a_receipt_prints_as_a_sheet_with_a_code_that_leads_to_its_verification(
    database: Database, settings: Settings, open_page: OpenPage
) -> None:
    asked = await decided(database, settings)
    root = await principal(database, "root@example.org", admin=True)
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
    root = await principal(database, "root@example.org", admin=True)
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
