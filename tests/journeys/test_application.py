"""The main job as people do it: postings in, a run, an approval on a phone, the application sent."""

import asyncio
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, ViewportSize, expect

from holdgate.core.db import Database
from tests.factories.workers import until
from tests.journeys.applicant import ANN, sign_in, write_profile
from tests.journeys.conftest import Installation

pytestmark = pytest.mark.browser

PHONE = ViewportSize(width=390, height=844)
LETTER = "Dear Quillwork team,\n\nI edited this on my phone: ünïcödé & <tags>.\n\nAnn"


async def import_postings(installation: Installation, page: Page, tmp_path: Path) -> None:
    url = installation.site.url
    file = tmp_path / "postings.csv"
    file.write_text(
        "title,company,location,url,apply_url,description\n"
        f"Typesetter,Quillwork,Leeds,{url}/jobs/typesetter,{url}/jobs/typesetter/apply,Sets type\n"
        f"Bookbinder,Quillwork,Leeds,{url}/jobs/bookbinder,{url}/jobs/bookbinder/apply,Binds books\n"
    )
    await page.goto(f"{installation.base}/postings/import")
    await page.locator("input[type=file]").set_input_files(file)
    await page.get_by_role("button", name="Preview").click()
    await expect(page.get_by_role("rowheader", name="Typesetter")).to_be_visible()
    await page.get_by_role("button", name="Import").first.click()
    await expect(page.get_by_text("Bookbinder").first).to_be_visible()


async def start_run(installation: Installation, page: Page) -> None:
    await page.goto(f"{installation.base}/runs/new")
    await page.get_by_role("checkbox", name="Typesetter").check()
    await page.get_by_role("button", name="Start run").last.click()
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert "/runs/" in page.url


async def shows(page: Page, words: str, *, scripts: bool) -> None:
    """The page comes to show it: by itself, or when a person without scripts looks again."""

    async def found() -> bool:
        if not scripts:
            await page.reload()
        return await page.get_by_text(words).first.is_visible()

    await until(found)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "by forms alone"])
async def test_from_a_file_of_postings_to_a_sent_application(
    installation: Installation, browser: Browser, database: Database, tmp_path: Path, scripts: bool
) -> None:
    complaints: list[str] = []

    def complain(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"{message.text} at {message.location}")

    installation.holdgate("user", "add", ANN)
    wide = ViewportSize(width=1280, height=900)
    desk = await (await browser.new_context(viewport=wide, java_script_enabled=scripts)).new_page()
    desk.on("console", complain)
    desk.on("pageerror", lambda error: complaints.append(str(error)))
    await sign_in(installation, desk)
    await write_profile(installation, desk)
    await import_postings(installation, desk, tmp_path)
    await start_run(installation, desk)

    link = installation.link_in(await installation.mail_to(ANN, "Typesetter"))
    await shows(desk, "Waiting for approval", scripts=scripts)
    await opened_by_scanners(link)

    phone = await (await browser.new_context(viewport=PHONE, java_script_enabled=False, has_touch=True)).new_page()
    await phone.goto(link)
    assert await phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    letter = phone.get_by_label("Cover letter", exact=False).first
    assert "Typesetter" in await letter.input_value()
    await letter.fill(LETTER)
    assert not await phone.get_by_label("Approve").is_checked()
    # The page itself refuses what comes quicker than a person reads, and keeps what was typed.
    await phone.get_by_label("Approve").check()
    await phone.locator("[data-decide] button[type=submit]").click()
    if await phone.get_by_text("too fast").count():
        assert await phone.get_by_label("Cover letter", exact=False).first.input_value() == LETTER
        await asyncio.sleep(2.1)  # a person reads
        await phone.locator("[data-decide] button[type=submit]").click()
    await expect(phone.get_by_text("Approved").first).to_be_visible()

    await until(lambda: received(installation))
    [application] = installation.site.received("typesetter")
    assert application["cover_letter"].replace("\r\n", "\n") == LETTER
    assert (application["name"], application["resume_name"], application["count_of_posts"]) == (
        "Ann Applicant",
        "ann.pdf",
        1,
    )
    await shows(desk, "Finished", scripts=scripts)
    await desk.goto(f"{installation.base}/postings")
    row = desk.get_by_role("row").filter(has_text="Typesetter")
    await expect(row.locator("a[href^='/tasks/']")).to_be_visible()
    assert complaints == []
    for page in (desk, phone):
        await page.context.close()  # or it goes on asking for news of a server that has gone


async def received(installation: Installation) -> bool:
    return bool(installation.site.received("typesetter"))


async def opened_by_scanners(link: str) -> None:
    """Ten looks by GET and HEAD decide nothing."""
    async with httpx.AsyncClient() as scanner:
        for _ in range(10):
            assert (await scanner.get(link)).status_code == 200
            assert (await scanner.head(link)).status_code == 200
        page = (await scanner.get(link)).text
    assert "<script" not in page
    assert 'value="approve" checked' not in page
