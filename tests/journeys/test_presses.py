"""How many presses the usual journeys take, counted in the browser. The numbers stand in docs/tour.md."""

import asyncio
import re
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from playwright.async_api import Browser, Page, Route, ViewportSize, expect

from holdgate.core.db import Database
from tests.factories.workers import task_of, until_state
from tests.journeys.applicant import ANN, sign_in
from tests.journeys.conftest import Installation
from tests.journeys.presses import Presses, promised

pytestmark = pytest.mark.browser

PHONE: dict[str, Any] = {"viewport": ViewportSize(width=390, height=844), "has_touch": True, "is_mobile": True}
READS = 2.1  # seconds: what comes within two is a robot's
PATIENCE = 60_000.0  # milliseconds
FILE = "the-file"
ASKS = "sample task end"  # in the subject


def forget_emails(installation: Installation) -> None:
    for path in installation.mails.glob("*.eml"):
        path.unlink()


async def show_email(page: Page, message: EmailMessage) -> None:
    """As a mail program of the phone does."""
    body = message.get_body(("html",))
    assert body is not None
    html = str(body.get_content())

    async def deliver(route: Route) -> None:
        await route.fulfill(body=html, content_type="text/html; charset=utf-8")

    await page.route("**/an-email", deliver)
    await page.goto("http://mail.example.org/an-email")
    await page.unroute("**/an-email")


async def test_the_usual_journeys_take_as_many_presses_as_the_docs_say(
    installation: Installation, browser: Browser, database: Database
) -> None:
    installation.holdgate("user", "add", ANN)
    token = installation.holdgate("token", "create", ANN).strip()
    desk = await (await browser.new_context(viewport=ViewportSize(width=1440, height=900))).new_page()
    presses = await Presses.of(desk)
    await sign_in(installation, desk)

    presses.reset()
    await desk.get_by_role("button", name="Try a sample run").click()
    request = desk.locator("#request[data-request]")
    await expect(request).to_be_visible(timeout=PATIENCE)
    await request.get_by_text("Approve", exact=True).click()
    await request.get_by_role("button", name="Submit decision").click()
    await expect(request).to_have_count(0, timeout=PATIENCE)
    clicks, keys, _ = await presses.counted()
    assert (clicks, keys) == (promised("Somebody new decides a first request, of a sample run"), 0)
    assert clicks <= 6

    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=f"{installation.base}/api/v1", headers=headers, timeout=30) as program:

        async def enqueue(kind: str, title: str, **payload: object) -> UUID:
            made = await program.post("/tasks", json={"kind": kind, "title": title, "payload": payload})
            return UUID(made.raise_for_status().json()["id"])

        failed = await enqueue("chaos.needs-a-file", "Needs a file", name=FILE)
        await until_state(database, failed, "dead_letter", seconds=60)
        await repair(installation, desk, presses)
        await until_state(database, failed, "succeeded", seconds=180)
        forget_emails(installation)
        by_link = await enqueue("sample.task", "By the link", hold="approval")
        await on_a_phone(installation, browser, database, by_link)
        forget_emails(installation)
        signed_in = await enqueue("sample.task", "Signed in", hold="approval", level="sign-in")
        await signing_in_on_a_phone(installation, browser, database, signed_in)
    await desk.context.close()


async def repair(installation: Installation, desk: Page, presses: Presses) -> None:
    """From the overview to the cause, and to the tasks under way again. Mending what broke them is no press."""
    await desk.goto(f"{installation.base}/overview")
    presses.reset()
    await desk.locator("#need-dead a").click()
    await desk.locator("main tbody tr[id^=error-] a").first.click()
    await expect(desk.locator("#cause")).to_contain_text("The file is not there yet.")
    clicks, keys, _ = await presses.counted()
    assert (clicks, keys) == (promised("An operator reads the cause of a failure"), 0)
    (Path(installation.environ["DATA_DIR"]) / FILE).touch()
    await desk.get_by_role("link", name="Redrive 1").click()
    await desk.locator("main form[method=post] button[type=submit]").click()
    await expect(desk).to_have_url(re.compile("/bulk/[0-9a-f-]{36}"), timeout=PATIENCE)
    clicks, keys, _ = await presses.counted()
    assert (clicks, keys) == (promised("An operator lets the failed tasks run again"), 0)
    assert clicks <= 4


async def decide(phone: Page) -> None:
    await phone.get_by_text("Approve", exact=True).tap()
    await asyncio.sleep(READS)  # a person reads
    await phone.get_by_role("button", name="Submit").tap()
    await expect(phone.get_by_text("Approved").first).to_be_visible()


async def on_a_phone(installation: Installation, browser: Browser, database: Database, task_id: UUID) -> None:
    message = await installation.mail_to(ANN, ASKS, 60)
    phone = await (await browser.new_context(**PHONE)).new_page()
    presses = await Presses.of(phone)
    await show_email(phone, message)
    presses.reset()
    await phone.get_by_role("link", name="Review request").tap()
    await decide(phone)
    clicks, keys, _ = await presses.counted()
    assert (clicks, keys) == (promised("An approver on a phone decides by the link of the email"), 0)
    assert clicks <= 3
    assert (await task_of(database, task_id)).state != "pending_approval"
    await phone.context.close()


async def signing_in_on_a_phone(
    installation: Installation, browser: Browser, database: Database, task_id: UUID
) -> None:
    message = await installation.mail_to(ANN, ASKS, 60)
    phone = await (await browser.new_context(**PHONE)).new_page()
    presses = await Presses.of(phone)
    await phone.goto(installation.link_in(message))
    presses.reset()
    await phone.get_by_role("button", name="Email me a sign-in link").tap()
    await expect(phone).to_have_url(f"{installation.base}/login/sent")
    await show_email(phone, await installation.mail_to(ANN, "sign-in", 60))
    await phone.get_by_role("link", name="Sign in").tap()
    await phone.get_by_role("button", name="Sign in").tap()
    await expect(phone).to_have_url(re.compile("/approvals/"))
    await decide(phone)
    clicks, keys, _ = await presses.counted()
    assert (clicks, keys) == (promised("The same for a request that asks for sign-in, signed out before"), 0)
    assert clicks <= 5
    assert (await task_of(database, task_id)).state != "pending_approval"
    await phone.context.close()
