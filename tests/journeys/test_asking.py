"""A program asks with curl, as docs/ask.md tells, and a person answers by the emailed link on a phone: `holdgate dev`,
curl, the commands and the browser are processes apart."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, ViewportSize, expect

from tests.docs.pages import blocks
from tests.journeys.dev import PATIENCE, dev
from tests.processes import ROOT, free_port

ANN = "ann@example.org"
PHONE = ViewportSize(width=390, height=844)


def run(command: list[str], environ: dict[str, str], cwd: Path) -> str:
    done = subprocess.run(command, env=environ, cwd=cwd, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def open_email(phone: Page, base: str, subject: str) -> Page:
    """Opens the email in the built-in mailbox, as it came, and taps its button: the page behind the personal link."""
    await phone.goto(f"{base}/mailbox?recipient={ANN}")
    await phone.get_by_role("link", name=subject).first.click(timeout=PATIENCE * 1000)  # the list looks by itself
    async with phone.expect_popup() as opened:
        await phone.frame_locator("iframe").locator("a[href*='/review/']").first.click()
    return await opened.value


async def approve(page: Page) -> None:
    await page.get_by_label("Approve").check()
    submit = page.locator("main .decision button[type=submit]")
    await submit.click()
    if await submit.count():  # an answer within two seconds is refused: a robot's
        await asyncio.sleep(2.1)
        await submit.click()
    await expect(page.get_by_text("Approved").first).to_be_visible()


@pytest.mark.browser
async def test_a_program_asks_with_curl_and_gets_a_decision_with_a_receipt(browser: Browser, tmp_path: Path) -> None:
    ask, wait = [block.text for block in blocks() if block.page == "docs/ask.md" and block.language == "sh"]
    port = free_port()
    settings = {"DATA_DIR": str(tmp_path / "data"), "PORT": str(port)}
    with dev(tmp_path / "data", tmp_path / "log", PORT=str(port)) as started:
        base = started.link().split("/login")[0]
        environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **settings, "HOLDGATE_URL": base}

        def holdgate(*words: str) -> str:
            return run([sys.executable, "-m", "holdgate.cli", *words], environ, ROOT)

        holdgate("user", "add", ANN)
        environ["HOLDGATE_TOKEN"] = holdgate("token", "create", ANN, "--scope", "approvals:create").strip()
        asked = json.loads(run(["sh", "-ec", ask], environ, tmp_path))
        assert asked["state"] == "pending"

        context = await browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
        page = await open_email(await context.new_page(), base, "Deploy shop 4.2")
        assert "/review/" in page.url and asked["id"] not in page.url
        await expect(page.get_by_text("Prices with tax")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        environ["ID"] = asked["id"]
        waiting = asyncio.create_task(asyncio.to_thread(run, ["sh", "-ec", wait], environ, tmp_path))
        await approve(page)
        found = json.loads(await asyncio.wait_for(waiting, PATIENCE))
        await context.close()  # or its pages go on asking a server that has gone
        assert (found["state"], found["decision"]["by"]) == ("approved", ANN)
        (tmp_path / "receipt.json").write_text(json.dumps(found["receipt"], indent=2))
        assert ANN in holdgate("verify", str(tmp_path / "receipt.json"))
        started.interrupt()
