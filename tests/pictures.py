"""`make screenshots`: starts a fresh installation, brings it to a state worth seeing by what it really does, and takes
the pictures that README and docs show. Nothing in them is made up.
"""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
from PIL import Image
from playwright.async_api import Browser, Page, ViewportSize, async_playwright

from holdgate.development import DEVELOPER
from tests import chromium
from tests.journeys.dev import Dev, dev
from tests.processes import ROOT

PICTURES = ROOT / "docs" / "pictures"
NAMES = (
    "overview",
    "overview-dark",
    "runs",
    "run",
    "tasks",
    "tasks-dark",
    "dead-letters",
    "approvals",
    "mail",
    "review-phone",
    "review-phone-dark",
)
LANDING = ("overview",)  # which the landing page shows, too
WIDE, PHONE = ViewportSize(width=1280, height=800), ViewportSize(width=390, height=844)
APPLICATION = "Apply for"
COLOURS = 128  # of a picture; the pages have few
PATIENCE = 90.0

SAMPLES: tuple[dict[str, Any], ...] = (
    *(
        {"title": f"Renew the certificate of {name}.example", "payload": {"steps": 3, "seconds": 0.2}}
        for name in "abcdef"
    ),
    *(
        {"title": f"Sync the ledger of {name}", "payload": {"permanent": True}}
        for name in ("Leeds", "Dublin", "Kraków")
    ),
    {"title": "Move the archive", "payload": {"steps": 200, "seconds": 5, "progress": True}},
    {"title": "Ask the bank again", "payload": {"fail_times": 9}, "max_attempts": 10},
    {
        "title": "Tell the warehouse",
        "kind": "http.request",
        "payload": {"url": "http://127.0.0.1:9/"},
        "max_attempts": 1,
    },
    {"title": "Pay the invoice of Northlight", "payload": {"hold": "approval"}},
)


async def main() -> None:
    with tempfile.TemporaryDirectory(prefix="holdgate-pictures-") as place:
        home = Path(place) / "data"
        with dev(home, Path(place) / "log") as started:
            link = started.link()
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=chromium.path(), args=chromium.ARGUMENTS)
                await take_all(browser, started, link)
                await browser.close()
            started.interrupt()


async def take_all(browser: Browser, started: Dev, link: str) -> None:
    base = link.split("/login")[0]
    context = await browser.new_context(base_url=base, viewport=WIDE, locale="en-GB", timezone_id="Europe/Berlin")
    page = await context.new_page()
    await page.goto(link)
    await page.locator("main form button[type=submit]").click()
    await page.wait_for_url("**/overview")
    await start_run(page, "One application", "[name=posting]")
    await until(lambda: mailed(page, APPLICATION))
    await picture(page, await mail_about(page, APPLICATION), "mail")
    on_phone = await browser.new_context(viewport=PHONE, device_scale_factor=2, has_touch=True, is_mobile=True)
    await picture(await on_phone.new_page(), await link_in_mail(page, base), "review-phone")
    await on_phone.close()
    run = await interesting(page, started, base)

    for name, path in (
        ("overview", "/overview"),
        ("runs", "/runs"),
        ("run", run),
        ("tasks", "/tasks"),
        ("dead-letters", "/dead-letters"),
        ("approvals", "/approvals"),
    ):
        await picture(page, path, name)
    await context.close()


async def start_run(page: Page, name: str, box: str) -> str:
    """A run of applications for what the first such box chooses. Returns its address."""
    await page.goto("/runs/new")
    await page.get_by_label("Run name").fill(name)
    await page.locator(box).first.check()
    await page.get_by_role("button", name="Start run").click()
    await page.wait_for_url(re.compile("/runs/[0-9a-f-]{36}$"))
    return page.url


async def interesting(page: Page, started: Dev, base: str) -> str:
    """A run of applications, some decided, and tasks of other sorts. Returns the run's address."""
    run = await start_run(page, "November applications", "[name=all]")
    enqueue(started, base)
    # Every application has been composed and its mail has arrived.
    await until(lambda: listed(page, "/approvals", "tr[id^=approval-]", 5))
    for decision in (*["Approve"] * 3, "Reject"):
        await page.goto("/approvals")
        await page.locator("#request[data-request]").wait_for()  # the first one has opened by itself
        link = page.locator("tr[id^=approval-] .main-cell").get_by_role("link", name=re.compile("^Apply for")).first
        decided = re.findall("[0-9a-f-]{36}", str(await link.get_attribute("href")))[0]
        await link.click()
        await page.locator(f"#request[data-request='{decided}']").wait_for()
        await page.get_by_label(decision, exact=True).check()
        if decision == "Reject":
            await page.get_by_label("Reason").fill("The salary is missing.")
        await page.get_by_role("button", name="Submit decision").click()
        await page.locator(f"#undo [data-undo*='{decided}']").wait_for()
    await until(lambda: listed(page, f"{run}?state=succeeded", "tr[id^=task-]", 2))
    await until(lambda: shown(page, "/dead-letters", "PermanentError"))
    await until(lambda: shown(page, "/tasks?state=succeeded", "Renew the certificate"))
    return run


def enqueue(started: Dev, base: str) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(started.data_dir), "DATA_DIR": str(started.data_dir)}
    made = subprocess.run(
        [sys.executable, "-m", "holdgate.cli", "token", "create", DEVELOPER],
        cwd=ROOT,
        env=environ,
        check=True,
        capture_output=True,
        text=True,
    )
    with httpx.Client(base_url=base, headers={"Authorization": f"Bearer {made.stdout.strip()}"}) as api:
        for sample in SAMPLES:
            api.post("/api/v1/tasks", json={"kind": "sample.task", **sample}).raise_for_status()


async def listed(page: Page, path: str, row: str, least: int) -> bool:
    await page.goto(path)
    return await page.locator(f"tbody {row}").count() >= least


async def shown(page: Page, path: str, words: str) -> bool:
    await page.goto(path)
    return await page.get_by_text(words).count() > 0


async def mailed(page: Page, words: str) -> bool:
    """Whether a mail with these words in its subject has come. Several requests at once are one mail without them."""
    await page.goto("/mailbox")
    return await page.locator("a[href^='/mailbox/']", has_text=words).count() > 0


async def mail_about(page: Page, words: str) -> str:
    """The address of the newest mail whose subject has these words."""
    await page.goto("/mailbox")
    address = await page.locator("a[href^='/mailbox/']", has_text=words).first.get_attribute("href")
    assert address is not None
    return address


async def link_in_mail(page: Page, base: str) -> str:
    await page.goto(f"{await mail_about(page, APPLICATION)}?part=text")
    found = re.search(rf"{re.escape(base)}/review/\S+", await page.locator("main").inner_text())
    assert found, "no link in the mail"
    return found[0]


async def picture(page: Page, path: str, name: str) -> None:
    """The window as it is, also in the dark where that is shown, with so few colours that the file stays small."""
    for scheme, each in (("light", name), ("dark", f"{name}-dark")):
        if each not in NAMES:
            continue
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        await page.goto(path)
        if name == "approvals":  # what is asked for first opens beside the list
            await page.locator("#request[data-request]").wait_for()
        taken = Image.open(BytesIO(await page.screenshot(animations="disabled", caret="hide")))
        file = PICTURES / f"{each}.png"
        taken.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
        if name in LANDING:
            shutil.copy(file, ROOT / "static" / "pictures" / file.name)
        print(f"{file.relative_to(ROOT)}  {taken.width} x {taken.height}  {file.stat().st_size:,} bytes")


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not await condition():
        assert time.monotonic() < deadline, "the installation did not come that far"
        await asyncio.sleep(0.2)


if __name__ == "__main__":
    if chromium.path() is None:
        sys.exit("No Chromium here: install it, or set CHROMIUM to it.")
    asyncio.run(main())
