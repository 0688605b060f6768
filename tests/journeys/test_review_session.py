"""A run of sixty-six postings: few requests are open, one email brings one link, and a phone without scripts decides
them all, letter by letter."""

import asyncio
import statistics
import time
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, ViewportSize, expect
from sqlalchemy import text

from holdgate.core.db import Database
from tests.factories.workers import until
from tests.journeys.applicant import ANN, sign_in, write_profile
from tests.journeys.conftest import TOO_WIDE, Installation

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PHONE = ViewportSize(width=390, height=844)
MANY, AT_ONCE = 66, 10
READS = 2.1  # seconds: what comes within two is a robot's
PLACES = ("Leeds", "Lyon", "Lund", "Lodz", "Linz", "Lugo")

_STATES = text("SELECT state, count(*) FROM approvals GROUP BY state")
_OPEN = text("SELECT count(*) FROM approval_recipients WHERE turn = 'open'")
_RUNNING = text("SELECT count(*) FROM approvals WHERE state = 'pending' AND expires_at IS NOT NULL")
_CHANGED = text("SELECT count(DISTINCT answer ->> 'cover_letter') FROM approvals WHERE state = 'approved'")


async def start_run(installation: Installation, page: Page, tmp_path: Path) -> None:
    """Of all postings of a file."""
    rows = ["title,company,location,url,apply_url,description"]
    for i in range(MANY):
        job = f"{installation.site.url}/jobs/binder-{i}"
        rows.append(f"Binder {i},Press {i},{PLACES[i % 6]},{job},{job}/apply,Binds books of press {i}")
    file = tmp_path / "postings.csv"
    file.write_text("\n".join(rows))
    await page.goto(f"{installation.base}/postings/import")
    await page.locator("input[type=file]").set_input_files(file)
    await page.get_by_role("button", name="Preview").click()
    await expect(page.get_by_role("rowheader", name="Binder 0", exact=False).first).to_be_visible()
    await page.get_by_role("button", name="Import").first.click()
    await expect(page).to_have_url(f"{installation.base}/postings")
    await page.goto(f"{installation.base}/runs/new")
    await page.get_by_label(f"Select all {MANY}").check()
    await page.get_by_role("button", name="Start run").last.click()
    await expect(page.get_by_role("heading", level=1)).to_be_visible()


async def test_a_run_of_sixty_six_postings_is_decided_in_one_session(
    installation: Installation, browser: Browser, database: Database, tmp_path: Path
) -> None:
    installation.holdgate("user", "add", ANN)
    desk = await (await browser.new_context(java_script_enabled=False)).new_page()
    await sign_in(installation, desk)
    await write_profile(installation, desk)
    await start_run(installation, desk, tmp_path)
    await desk.context.close()

    async def all_asked() -> bool:
        async with database.read() as session:
            return [tuple(row) for row in await session.execute(_STATES)] == [("pending", MANY)]

    await until(all_asked, 90)
    link = installation.link_in(await installation.mail_to(ANN, "waiting for your", 90))
    async with database.read() as session:
        assert await session.scalar(_OPEN) == AT_ONCE
    phone = await (await browser.new_context(viewport=PHONE, java_script_enabled=False, has_touch=True)).new_page()
    await phone.goto(link)
    took = []
    for i in range(MANY):
        began = time.monotonic()
        letter = phone.get_by_label("Cover letter").first
        await letter.fill(f"{await letter.input_value()}\n\nEdited on a phone: {i}")
        await phone.get_by_label("Approve").check()
        await asyncio.sleep(max(0.0, READS - (time.monotonic() - began)))  # a person reads
        await phone.locator("[data-decide] button[type=submit]").click()
        await expect(phone.get_by_text("Approved").first).to_be_visible()
        took.append(time.monotonic() - began - READS)
        if i in (0, MANY // 2):
            assert await phone.evaluate(TOO_WIDE) <= 0
            async with database.read() as session:
                assert await session.scalar(_OPEN) == AT_ONCE
                assert (await session.scalar(_RUNNING) or 0) <= AT_ONCE, "what is not shown has no clock"

    async def all_sent() -> bool:
        async with database.read() as session:
            done = text("SELECT count(*) FROM tasks WHERE kind = 'application.submit' AND state = 'succeeded'")
            return bool(await session.scalar(done) == MANY)

    await until(all_sent, 90)
    async with database.read() as session:
        assert [tuple(row) for row in await session.execute(_STATES)] == [("approved", MANY)], "none has expired"
        assert await session.scalar(_CHANGED) == MANY
    sent = [installation.site.received(f"binder-{i}") for i in range(MANY)]
    letters = {one["cover_letter"].rpartition("Edited on a phone: ")[2].strip() for [one] in sent}
    assert letters == {str(i) for i in range(MANY)}, "each as it was left, once"
    mails = [path.read_text() for path in installation.mails.glob("*.eml")]
    digests = sum("waiting for your" in mail for mail in mails)
    assert digests == 1, f"{digests} digests of {len(mails)} emails"
    print(f"{len(mails)} emails; beside reading: median {statistics.median(took):.2f} s, longest {max(took):.2f} s")
    await phone.context.close()
