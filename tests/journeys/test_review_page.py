"""The page of a link with every kind of block and a file to upload: readable however a person looks at it."""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, FilePayload, ViewportSize, expect

from holdgate import FormField
from holdgate.approvals.pages import review
from holdgate.core.config import Settings
from holdgate.core.db import Database
from tests.factories.approvals import ANN, put_question
from tests.factories.blocks import every_block
from tests.factories.site import Served
from tests.journeys.conftest import EVERYTHING, RUN_AXE, TOO_WIDE

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
