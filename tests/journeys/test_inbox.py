"""The inbox in two panes: by keys, without loading a page, and with a way back."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, ViewportSize, expect

from holdgate.approvals.values import ApprovalPace
from holdgate.core.config import Settings
from holdgate.core.db import Database
from tests.factories.approvals import ANN, approval_of, key_of, letters, new_run, principal, put_question
from tests.factories.workers import task_of, until
from tests.journeys.conftest import EVERYTHING, RUN_AXE, TOO_WIDE, OpenPage
from tests.journeys.presses import Presses, promised
from tests.servers import Servers, settings_of

pytestmark = pytest.mark.browser

WIDE = ViewportSize(width=1440, height=900)
PACE = ApprovalPace()  # ten at once, as an installation has it
MANY, MOST_KEYS = 45, 50


@pytest.fixture
def settings(servers: Servers, tmp_path: Path) -> Settings:
    return msgspec.structs.replace(settings_of(servers, tmp_path), approval_undo=timedelta(seconds=10))


async def press(page: Page, *keys: str) -> None:
    for key in keys:
        await page.keyboard.press(key)


async def test_a_manager_decides_45_requests_by_at_most_50_keys_and_loads_no_page(
    database: Database, settings: Settings, open_page: OpenPage
) -> None:
    more: dict[str, Any] = {"recipients": (ANN,), "pace": PACE, "deliver": False}
    alone = [await put_question(database, settings, name=f"alone {n}", **more) for n in range(5)]
    asked = alone + await letters(database, settings, MANY - len(alone), await new_run(database), **more)
    page = await open_page(await principal(database, ANN), "about:blank", viewport=WIDE)
    presses = await Presses.of(page)
    await page.goto("/approvals")
    request, boxes = page.locator("#request"), page.locator("#approvals [data-select]")
    await expect(request).to_have_attribute("data-request", str(alone[0].approval_id))
    presses.reset()

    async def decided() -> int:
        return [(await approval_of(database, one)).state == "pending" for one in asked].count(False)

    for n, one in enumerate(alone):
        await expect(request).to_have_attribute("data-request", str(one.approval_id))
        if n == 2:
            await press(page, "r")
            await expect(page.get_by_label("Reason")).to_be_focused()
            await press(page, "N", "o", "Enter")
        else:
            await press(page, "a", "Enter")
        await expect(page.locator("#undo")).to_contain_text("Undo")
    while (done := await decided()) < MANY:
        open_now = min(PACE.at_once, MANY - done)
        await expect(page.locator("#approvals [data-gone]")).to_have_count(0)
        await expect(boxes).to_have_count(open_now)
        await press(page, "X", "b")
        await expect(request.locator("[name=item]:checked")).to_have_count(open_now)
        await press(page, "a", "Enter")
        await expect(page.locator("#pane > [data-together]")).to_have_count(0)
        await expect(page.locator("#undo")).to_contain_text(f"{open_now} requests approved")
    assert await decided() == MANY
    await expect(request).to_have_attribute("data-empty", "")
    await expect(page.locator("#approvals tbody tr")).to_have_count(0)
    assert await presses.counted() == (0, promised("A manager decides 45 requests in the inbox"), 0)
    assert promised("A manager decides 45 requests in the inbox") <= MOST_KEYS
    assert [(await approval_of(database, one)).state for one in alone].count("rejected") == 1


async def test_a_decision_of_the_inbox_is_undone_by_a_key_also_a_rejection(
    database: Database, settings: Settings, open_page: OpenPage
) -> None:
    asked = await put_question(database, settings, recipients=(ANN,))
    page = await open_page(await principal(database, ANN), "/approvals", viewport=WIDE)
    for keys, state in ((("a", "Enter"), "scheduled"), (("r", "N", "o", "Enter"), "rejected")):
        await expect(page.locator("#request")).to_have_attribute("data-request", str(asked.approval_id))
        for key in keys:
            await page.keyboard.press(key)
        await expect(page.locator("#undo time[data-countdown]")).to_be_visible()
        assert (await task_of(database, asked.task_id)).state == state
        await page.keyboard.press("z")
        await expect(page.get_by_text("1 decision undone.")).to_be_visible()
        assert (await task_of(database, asked.task_id)).state == "pending_approval"
        assert (await approval_of(database, asked)).state == "pending"


async def test_rows_are_walked_by_keys_and_enter_decides_nothing_that_was_not_chosen(
    database: Database, settings: Settings, open_page: OpenPage
) -> None:
    first, second = [await put_question(database, settings, recipients=(ANN,), name=f"{n}") for n in range(2)]
    page = await open_page(await principal(database, ANN), "/approvals", viewport=WIDE)
    request = page.locator("#request")
    await expect(request).to_have_attribute("data-request", str(first.approval_id))
    await page.keyboard.press("j")
    await expect(request).to_have_attribute("data-request", str(second.approval_id))
    await expect(page).to_have_url(re.compile(f"/approvals/{second.approval_id}$"))
    await expect(page.locator(f"#approval-{second.approval_id} [aria-current]")).to_be_visible()
    await expect(page.locator("h1:not([hidden])")).to_have_count(1)
    await page.locator("#request").focus()
    await page.keyboard.press("Enter")
    assert (await approval_of(database, second)).state == "pending"
    await page.keyboard.press("k")
    await expect(request).to_have_attribute("data-request", str(first.approval_id))
    await page.keyboard.press("r")
    await page.keyboard.press("Enter")  # no reason yet
    await expect(page.get_by_label("Reason")).to_be_focused()
    assert (await approval_of(database, first)).state == "pending"


async def test_the_palette_finds_requests_and_approves_the_open_one(
    database: Database, settings: Settings, open_page: OpenPage
) -> None:
    one = await put_question(database, settings, recipients=(ANN,), title="Send the first letter")
    two = await put_question(database, settings, recipients=(ANN,), title="Send the other letter")
    page = await open_page(await principal(database, ANN), "/overview", viewport=WIDE)
    await page.keyboard.press("Control+k")
    await page.keyboard.type("other letter")
    await page.locator("#palette").get_by_role("link", name="Send the other letter").click()
    await expect(page.locator("#request")).to_have_attribute("data-request", str(two.approval_id))
    await page.keyboard.press("Control+k")
    await page.keyboard.type("approve")
    await expect(page.locator("#palette button", has_text="Approve “Send the other letter”")).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(page.locator("#request")).to_have_attribute("data-request", str(one.approval_id))
    assert (await approval_of(database, two)).state == "approved"
    await page.keyboard.press("Control+k")
    await page.keyboard.type("app")  # also the beginning of a page's name, which comes first
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile("/approvals$"))
    assert (await approval_of(database, one)).state == "pending"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_panes_are_accessible_and_fit(
    database: Database, settings: Settings, open_page: OpenPage, scheme: str
) -> None:
    asked = await letters(database, settings, 3, await new_run(database), recipients=(ANN,))
    ann = await principal(database, ANN)
    group = f"/approvals/group/{await key_of(database, asked[0])}"
    problems: list[str] = []
    axe = Axe()
    for width in (390, 1024, 1440):
        page = await open_page(ann, "/approvals", viewport={"width": width, "height": 900}, color_scheme=scheme)
        for path in ("/approvals", f"/approvals/{asked[0].approval_id}", group):
            await page.goto(path)
            if width == 1440:
                await expect(page.locator("#approvals tbody tr[id]")).to_have_count(3)
                await expect(page.locator("#request form[method=post]").first).to_be_visible()
            await page.evaluate(axe.axe_script)
            problems += [f"{width} {path}: {each}" for each in await page.evaluate(RUN_AXE, EVERYTHING)]
            assert await page.evaluate(TOO_WIDE) <= 0, (width, path)
            assert await page.locator("h1:visible").count() == 1, (width, path)
    assert problems == [], "\n".join(problems)


async def test_new_requests_come_into_an_inbox_that_was_empty(
    database: Database, settings: Settings, open_page: OpenPage
) -> None:
    page = await open_page(await principal(database, ANN), "/approvals", viewport=WIDE)
    await expect(page.locator("#request")).to_have_attribute("data-empty", "")
    asked = await put_question(database, settings, recipients=(ANN,))

    async def shown() -> bool:
        return await page.locator("#request").get_attribute("data-request") == str(asked.approval_id)

    await until(shown, 30)
