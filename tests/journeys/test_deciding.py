"""Deciding by the keys of the inbox, and by thumb on the page of a link, which has no script."""

import re

import pytest
from playwright.async_api import FloatRect, Page, async_playwright, expect

from holdgate.approvals.forms import FormField
from holdgate.approvals.pages import review
from holdgate.core.config import Settings
from holdgate.core.db import Database
from tests import chromium
from tests.factories.approvals import ANN, BOB, approval_of, approve, by_link, principal, put_question
from tests.factories.site import Served
from tests.journeys.conftest import OpenPage

pytestmark = pytest.mark.browser

LETTER = FormField("letter", "Cover letter", "textarea", value="A line of the letter.\n" * 60, required=True)


async def test_on_a_narrow_screen_keys_lead_to_the_page_of_a_request_where_they_choose_and_enter_decides(
    database: Database, settings: Settings, open_page: OpenPage
) -> None:
    first = await put_question(database, settings, recipients=(ANN,))
    second = await put_question(database, settings, recipients=(ANN,))
    narrow = {"width": 1024, "height": 800}
    page = await open_page(await principal(database, ANN), "/approvals", viewport=narrow)
    await page.keyboard.press("a")
    await page.keyboard.press("r")
    await expect(page).to_have_url(re.compile("/approvals$"))  # no row has the focus
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_contain_text("Enter submits")
    await page.keyboard.press("Escape")
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await page.keyboard.press("k")
    await page.keyboard.press("r")
    await expect(page).to_have_url(re.compile(f"/approvals/{first.approval_id}#decide-reject$"))
    await expect(page.get_by_role("radio", name="Reject")).to_be_focused()
    await expect(page.get_by_role("radio", name="Reject")).not_to_be_checked()
    await page.keyboard.press("Enter")  # sends nothing that was not chosen
    assert (await approval_of(database, first)).state == "pending"
    await page.keyboard.press("a")
    await expect(page.get_by_label("Approve")).to_be_focused()
    await expect(page.get_by_label("Approve")).to_be_checked()
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile("/approvals$"))
    assert (await approval_of(database, first)).state == "approved"
    await page.keyboard.press("j")
    await page.keyboard.press("o")
    await expect(page).to_have_url(re.compile(f"/approvals/{second.approval_id}$"))


async def test_beside_the_list_every_decision_says_what_became_of_it_and_an_error_has_the_focus(
    database: Database, settings: Settings, open_page: OpenPage
) -> None:
    first, second = [await put_question(database, settings, recipients=(ANN,), title=f"Letter {n}") for n in (1, 2)]
    page = await open_page(await principal(database, ANN), "/approvals", viewport={"width": 1440, "height": 900})
    request, told, headings = page.locator("#request"), page.locator("#undo"), page.locator("h1:not([hidden])")
    await expect(request).to_have_attribute("data-request", str(first.approval_id))
    await expect(headings).to_have_count(1)
    await page.keyboard.press("r")
    reason = page.get_by_label("Reason")
    await expect(reason).to_be_focused()
    assert await reason.evaluate("field => field.required")
    for key in (" ", "Enter"):  # which only the server finds to be no reason
        await page.keyboard.press(key)
    await expect(page.locator("#f-reason-error")).to_be_in_viewport()
    await expect(reason).to_be_focused()
    assert await reason.evaluate("field => field.required")
    await page.keyboard.type("No")
    await page.keyboard.press("Enter")
    await expect(told).to_contain_text("“Letter 1”: rejected. The task ends here.")
    await expect(request).to_have_attribute("data-request", str(second.approval_id))
    await page.keyboard.press("a")
    await page.keyboard.press("Enter")
    await expect(told).to_contain_text("“Letter 2”: approved.")  # also when nothing comes after it
    await expect(request).to_have_attribute("data-empty", "")
    await page.goto(f"/approvals/{second.approval_id}")
    await expect(headings).to_have_count(1)


async def test_a_request_that_was_decided_elsewhere_says_so_and_keeps_what_was_typed(
    database: Database, settings: Settings, open_page: OpenPage
) -> None:
    asked = await put_question(database, settings, recipients=(ANN, BOB))
    ann = await principal(database, ANN)
    page = await open_page(ann, f"/approvals/{asked.approval_id}", viewport={"width": 390, "height": 844})
    await page.get_by_role("radio", name="Reject").check()
    await page.get_by_label("Reason").fill("Too dear.")
    await by_link(database, asked, 1, approve(asked))
    await expect(page.locator("[data-notice=decided-meanwhile]")).to_contain_text(BOB, timeout=20_000)
    await expect(page.locator("[data-typed]")).to_contain_text("Too dear.")
    await expect(page.locator("[data-decide]")).to_have_count(0)


async def test_a_second_tab_closes_itself_unless_something_was_typed_there(
    database: Database, settings: Settings, open_page: OpenPage
) -> None:
    asked = await put_question(database, settings, recipients=(ANN,))
    ann = await principal(database, ANN)
    page = await open_page(ann, f"/approvals/{asked.approval_id}", viewport={"width": 1024, "height": 800})

    async def tab() -> Page:
        async with page.context.expect_page() as opened:
            await page.evaluate("window.open(location.href, '_blank', 'noopener')")
        await expect((await opened.value).locator("#standing")).to_be_attached()
        return await opened.value

    typed, idle = await tab(), await tab()
    await typed.get_by_role("radio", name="Reject").check()
    await typed.get_by_label("Reason").fill("Too dear.")
    async with idle.expect_event("close", timeout=30_000):
        await page.get_by_role("radio", name="Approve").check()
        await page.get_by_role("button", name="Submit decision").click()
    await expect(typed.locator("[data-notice=decided-meanwhile]")).to_contain_text("by you", timeout=30_000)
    await expect(typed.locator("[data-typed]")).to_contain_text("Too dear.")
    await expect(typed.locator("[data-decide]")).to_have_count(0)


async def test_single_keys_do_nothing_for_who_has_switched_them_off(
    database: Database, settings: Settings, open_page: OpenPage
) -> None:
    await put_question(database, settings, recipients=(ANN,))
    ann = await principal(database, ANN)
    off = type(ann)(ann.id, ann.email, ann.name, ann.role, shortcuts=False)
    page = await open_page(off, "/approvals")
    for key in ("j", "a", "?", "g", "t"):
        await page.keyboard.press(key)
    await expect(page).to_have_url(re.compile("/approvals$"))
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.get_by_role("link", name="Keyboard shortcuts").click()
    await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_contain_text("turned off")
    await page.keyboard.press("Escape")
    await page.keyboard.press("Control+k")
    await expect(page.get_by_label("Search pages, runs, tasks or IDs")).to_be_focused()


async def boxes(page: Page) -> dict[str, FloatRect]:
    """Where the parts of the decision are on the screen."""
    wanted = {
        "approve": page.locator(".choice:has(#decide-approve)"),
        "reject": page.locator(".choice:has(#decide-reject)"),
        "send": page.get_by_role("button", name="Submit decision"),
        "bar": page.locator(".decision"),
    }
    found = {}
    for name, part in wanted.items():
        box = await part.bounding_box()
        assert box is not None, name
        found[name] = box
    return found


@pytest.mark.parametrize(("width", "height"), [(320, 568), (390, 844), (430, 932)])
async def test_on_a_phone_the_decision_is_one_row_in_reach_and_covers_no_focus(
    database: Database, settings: Settings, open_page: OpenPage, width: int, height: int
) -> None:
    asked = await put_question(database, settings, fields=(LETTER,))
    page = await open_page(
        None,
        f"/review/{asked.tokens[0]}",
        viewport={"width": width, "height": height},
        java_script_enabled=False,
        has_touch=True,
        is_mobile=True,
    )
    at = await boxes(page)
    assert at["approve"]["y"] == at["reject"]["y"]
    assert abs(at["send"]["y"] + at["send"]["height"] - at["reject"]["y"] - at["reject"]["height"]) <= 1, "one row"
    assert at["send"]["x"] - at["reject"]["x"] - at["reject"]["width"] >= 12, "send lies apart from reject"
    assert min(part["height"] for part in at.values()) >= 44
    assert min(part["width"] for part in at.values()) >= 44
    assert at["bar"]["y"] + at["bar"]["height"] <= height + 1, "in reach without scrolling"
    assert at["bar"]["height"] <= 80
    await expect(page.get_by_label("Reason")).to_be_hidden()
    await page.get_by_role("radio", name="Reject").check()
    await expect(page.get_by_label("Reason")).to_be_visible()
    assert (await boxes(page))["bar"]["height"] <= height / 2
    for _ in range(12):
        await page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if await focused.count() == 0 or await page.locator(".decision :focus").count():
            continue
        box, bar = await focused.bounding_box(), (await boxes(page))["bar"]
        assert box is not None
        assert box["y"] < bar["y"] or box["y"] >= bar["y"] + bar["height"], "what has the focus begins in sight"


async def test_a_refused_no_keeps_its_reason_in_sight_and_without_style_sheets_it_is_all_there(
    database: Database, settings: Settings, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review, "TOO_QUICK", 0.0)
    asked = await put_question(database, settings)
    page = await open_page(None, f"/review/{asked.tokens[0]}", java_script_enabled=False)
    await page.get_by_role("radio", name="Reject").check()
    await page.get_by_role("button", name="Submit decision").click()
    await expect(page.get_by_label("Reason")).to_be_visible()
    await expect(page.locator("#f-reason-error")).to_be_visible()
    await page.route("**/*.css", lambda route: route.abort())
    await page.goto(f"/review/{asked.tokens[0]}")
    await expect(page.get_by_label("Reason")).to_be_visible()


async def test_at_twice_the_usual_type_size_nothing_is_cut_off_or_covered(
    database: Database, settings: Settings, site: Served
) -> None:
    asked = await put_question(database, settings, fields=(LETTER,))
    large = [*chromium.ARGUMENTS, "--blink-settings=defaultFontSize=32,defaultFixedFontSize=26"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium.path(), args=large)
        for width, height in ((320, 568), (390, 844)):
            page = await browser.new_page(base_url=site.base, viewport={"width": width, "height": height})
            await page.goto(f"/review/{asked.tokens[0]}")
            await page.get_by_role("radio", name="Reject").check()
            too_wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert too_wide <= 0, f"{too_wide} px too wide at {width}"
            position = await page.locator(".decision").evaluate("each => getComputedStyle(each).position")
            assert position == "static", "it would cover most of the screen"
        await browser.close()
