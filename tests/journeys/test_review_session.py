"""Sixty-six requests at once: few are open, a digest brings one link, and a phone without scripts decides them all."""

import asyncio
import statistics
import time

import httpx
import pytest
from playwright.async_api import Browser, ViewportSize, expect
from sqlalchemy import text

from holdgate.core.db import Database
from tests.factories.workers import until
from tests.journeys.conftest import TOO_WIDE, Installation

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ANN = "ann@example.org"
PHONE = ViewportSize(width=390, height=844)
MANY, AT_ONCE = 66, 10
READS = 2.1  # seconds: what comes within two is a robot's

_STATES = text("SELECT state, count(*) FROM approvals GROUP BY state")
_OPEN = text("SELECT count(*) FROM approval_recipients WHERE turn = 'open'")
_CHANGED = text("SELECT count(DISTINCT answer ->> 'letter') FROM approvals WHERE state = 'approved'")


async def test_sixty_six_requests_are_decided_in_one_session(
    installation: Installation, browser: Browser, database: Database
) -> None:
    installation.holdgate("user", "add", ANN)
    token = installation.holdgate("token", "create", ANN, "--scope", "approvals:create").strip()
    async with httpx.AsyncClient(base_url=f"{installation.base}/api/v1", timeout=30) as program:
        program.headers["Authorization"] = f"Bearer {token}"
        schema = {"type": "object", "properties": {"letter": {"type": "string", "title": "Letter", "maxLength": 4000}}}
        for i in range(MANY):
            body = {
                "title": f"Send letter {i + 1}",
                "show": {"Employer": f"Employer {i + 1}"},
                "form": schema,
                "values": {"letter": f"Dear employer {i + 1}"},
                "recipients": [ANN],
            }
            asked = await program.post("/approvals", json=body, headers={"Idempotency-Key": f"letter-{i}"})
            assert asked.status_code == 201, asked.text
    async with database.read() as session:
        assert await session.scalar(_OPEN) == AT_ONCE
    link = installation.link_in(await installation.mail_to(ANN, "waiting for you", 90))
    phone = await (await browser.new_context(viewport=PHONE, java_script_enabled=False, has_touch=True)).new_page()
    await phone.goto(link)
    took = []
    for i in range(MANY):
        began = time.monotonic()
        await phone.get_by_label("Letter").fill(f"Edited on a phone: {i}")
        await phone.get_by_label("Approve").check()
        await asyncio.sleep(max(0.0, READS - (time.monotonic() - began)))  # a person reads
        await phone.get_by_role("button", name="Send decision").click()
        await expect(phone.get_by_text("Approved").first).to_be_visible()
        took.append(time.monotonic() - began - READS)
        if i in (0, MANY // 2):
            assert await phone.evaluate(TOO_WIDE) <= 0

    async def done() -> bool:
        async with database.read() as session:
            return [tuple(row) for row in await session.execute(_STATES)] == [("approved", MANY)]

    await until(done)
    async with database.read() as session:
        assert await session.scalar(_CHANGED) == MANY
    mails = [path.read_text() for path in installation.mails.glob("*.eml")]
    digests = sum("waiting for you" in mail for mail in mails)
    assert digests == 1, f"{digests} digests of {len(mails)} emails"
    print(f"{len(mails)} emails; beside reading: median {statistics.median(took):.2f} s, longest {max(took):.2f} s")
    await phone.context.close()
