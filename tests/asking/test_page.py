"""The page "Ask from a program": what it shows to copy works as it stands."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from holdgate.accounts.service import find_user
from holdgate.accounts.sign_in.links import create_sign_in_link
from holdgate.core.db import Database
from tests.asking.conftest import Desk
from tests.factories.accounts import Browser
from tests.factories.site import hidden

CODE = re.compile(r'aria-label="([^"]+)" tabindex="0"><code>(.*?)</code>', re.S)


@pytest.fixture
async def browser(desk: Desk, database: Database) -> AsyncIterator[Browser]:
    """Of the person whose programs ask."""
    async with database.write("system") as session:
        owner = await find_user(session, desk.owner)
        assert owner is not None
        link = await create_sign_in_link(session, owner.email, desk.url)
    async with httpx.AsyncClient(base_url=desk.url, headers={"Origin": desk.url}, timeout=30) as client:
        made = Browser(client)
        await made.press(link.rpartition("/")[2])
        yield made


async def texts(browser: Browser) -> dict[str, str]:
    """What stands there to be copied once a token has been made, by its labels."""
    await browser.get("/settings/ask")
    page = await browser.post("/settings/ask", {"name": "deploy pipeline", "days": "30"})
    assert page.status_code == 201
    return {label: unescape(code) for label, code in CODE.findall(page.text)}


async def approve(browser: Browser) -> None:
    """As soon as the person is asked, on the page."""
    async with asyncio.timeout(30):
        while not (found := re.findall(r'href="(/approvals/[0-9a-f-]{36})"', (await browser.get("/approvals")).text)):
            await asyncio.sleep(0.05)
    page = await browser.get(found[0])
    assert "deploy pipeline" in page.text
    form = {"decision": "approve", "version": hidden(page.text, "version")}
    assert (await browser.post(f"{found[0]}/decision", form)).status_code == 303


@pytest.mark.parametrize(("label", "command"), [("Shell", ["sh", "-ec"]), ("Python", [sys.executable, "-IS", "-c"])])
async def test_what_is_copied_asks_and_gets_the_decision(
    label: str, command: list[str], browser: Browser, tmp_path: Path
) -> None:
    copied = (await texts(browser))[label]
    program = await asyncio.create_subprocess_exec(
        *command, copied, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    await approve(browser)
    out, errors = await asyncio.wait_for(program.communicate(), 60)
    assert program.returncode == 0, errors
    found = json.loads(out)["state"] if label == "Shell" else out.split()[0].decode()
    assert found == "approved", out


async def test_an_agent_with_the_copied_configuration_asks_and_gets_the_decision(browser: Browser) -> None:
    [(name, server)] = json.loads((await texts(browser))["MCP configuration"])["mcpServers"].items()
    assert (name, server["type"]) == ("holdgate", "http")
    async with (
        httpx2.AsyncClient(headers=server["headers"], timeout=60) as http,
        Client(streamable_http_client(server["url"], http_client=http)) as client,
    ):
        made = await client.call_tool("request_approval", {"title": "Deploy 4.2"})
        assert not made.is_error and made.structured_content
        await approve(browser)
        done = await client.call_tool("get_approval", {"id": made.structured_content["id"]})
        assert done.structured_content and done.structured_content["approved"] is True
