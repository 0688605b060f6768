"""Fingers, large text, and people whom motion makes sick."""

from typing import Any

import pytest
from playwright.async_api import expect

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from tests.factories.approvals import principal, put_question
from tests.factories.installation import fill
from tests.journeys.conftest import TOO_WIDE, OpenPage
from tests.pages import IN_COMFORT

pytestmark = pytest.mark.browser

ROOT = "root@example.org"
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}

# Controls that are smaller than a finger. Boxes and radios are as large as the label around them; a box in the row of a
# list is small, with room around it. What only programs find is left out: hidden from assistive technology and from the
# Tab key, and at most a pixel in size. All three, or it counts.
TOO_SMALL = """() => [...document.querySelectorAll('main :is(button, .button, input, select, textarea, summary)')]
  .filter((each) => each.checkVisibility())
  .map((each) => [each, each.matches('[type=checkbox], [type=radio]') ? each.closest('label') ?? each : each])
  .filter(([each, pressed]) => {
    const { width, height } = pressed.getBoundingClientRect();
    return !(each.closest('[aria-hidden=true]') && each.tabIndex < 0 && Math.max(width, height) <= 1);
  })
  .filter(([each, pressed]) => pressed.getBoundingClientRect().height < (each.matches('[data-select]') ? 24 : 43.5))
  .map(([each, pressed]) => `${pressed.getBoundingClientRect().height} px: ${each.outerHTML.slice(0, 120)}`)"""

# Text that is cut off: it is wider or higher than its box, which hides the rest.
CUT_OFF = """() => [...document.querySelectorAll('main *, header *')].filter((each) => {
    const { overflowX, textOverflow } = getComputedStyle(each);
    const overflows = each.scrollWidth > each.clientWidth + 1 || each.scrollHeight > each.clientHeight + 1;
    const hides = overflowX === 'hidden' && textOverflow !== 'ellipsis';
    return hides && overflows && each.clientWidth > 1 && each.checkVisibility();
  }).map((each) => each.outerHTML.slice(0, 160))"""

# Milliseconds of the longest movement of any element.
SLOWEST = """() => {
  const times = (list) => list.split(',').map((time) => parseFloat(time) * (time.includes('ms') ? 1 : 1000));
  const longest = ({ animationName, animationDuration, transitionDuration }) =>
    Math.max(...times(transitionDuration), ...(animationName === 'none' ? [] : times(animationDuration)));
  const styles = (each) => [undefined, '::before', '::after'].map((part) => getComputedStyle(each, part));
  return Math.max(...[...document.querySelectorAll('*')].flatMap((each) => styles(each).map(longest)));
}"""


@pytest.fixture
async def root(database: Database, settings: Settings) -> Principal:
    person = await principal(database, ROOT, admin=True)
    await fill(database, settings, person)
    return person


async def test_on_a_phone_everything_to_press_is_as_large_as_a_finger(
    database: Database, settings: Settings, root: Principal, open_page: OpenPage
) -> None:
    asked = await put_question(database, settings, recipients=(ROOT,))
    page = await open_page(root, "/", **PHONE)
    small: list[str] = []
    for path in (*IN_COMFORT, f"/approvals/{asked.approval_id}", f"/review/{asked.tokens[0]}"):
        await page.goto(path)
        assert await page.evaluate(TOO_WIDE) <= 0, path
        small += [f"{path}: {each}" for each in await page.evaluate(TOO_SMALL)]
    assert small == [], "\n".join(small)


async def test_a_finger_opens_the_menu_chooses_and_decides(
    database: Database, settings: Settings, root: Principal, open_page: OpenPage
) -> None:
    asked = await put_question(database, settings, recipients=(ROOT,))
    page = await open_page(root, "/overview", **PHONE)
    await page.locator("#menu-more summary").tap()
    await page.locator("#menu-more").get_by_role("link", name="Queues").tap()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Queues")
    await page.goto(f"/approvals/{asked.approval_id}")
    await page.get_by_text("Approve", exact=True).tap()
    await page.get_by_role("button", name="Submit decision").tap()
    await expect(page.get_by_text("Approved").first).to_be_visible()


@pytest.mark.parametrize(("width", "size"), [(1280, 32), (640, 32), (390, 32), (320, 16)])
async def test_twice_as_large_text_and_a_narrow_window_lose_nothing(
    root: Principal, open_page: OpenPage, width: int, size: int
) -> None:
    page = await open_page(root, "/overview", viewport={"width": width, "height": 800})
    # As in the browser's own settings, where 16 is usual: what is measured in rem follows, and so do the layouts.
    browser = await page.context.new_cdp_session(page)
    await browser.send("Page.setFontSizes", {"fontSizes": {"standard": size, "fixed": size - 3}})
    lost: list[str] = []
    for path in IN_COMFORT:
        await page.goto(path)
        assert await page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)") == size
        if (wide := await page.evaluate(TOO_WIDE)) > 0:
            lost.append(f"{path}: {wide} px too wide")
        lost += [f"{path}: cut off: {each}" for each in await page.evaluate(CUT_OFF)]
    assert lost == [], "\n".join(lost)


async def test_nothing_moves_for_long_and_nothing_at_all_for_those_who_asked_for_it(
    root: Principal, open_page: OpenPage
) -> None:
    page = await open_page(root, "/overview")
    for path in IN_COMFORT:
        for motion, most in (("no-preference", 150), ("reduce", 0)):
            await page.emulate_media(reduced_motion=motion)  # type: ignore[arg-type]
            await page.goto(path)
            assert await page.evaluate(SLOWEST) <= most, (path, motion)
