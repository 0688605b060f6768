"""An installation below a path of somebody's application, which has mounted it: no address leads out of it."""

import asyncio
import re
import signal
from collections import deque
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import APIRequestContext, Browser
from sqlalchemy import text

from holdgate.accounts.sign_in.links import create_sign_in_link
from holdgate.core.db import Database
from holdgate.tasks.states import HOLDS
from tests.factories.installation import full_installation
from tests.processes import Process, environment, free_port
from tests.servers import Servers

PATH = "/ops/holdgate"
# As Starlette and FastAPI mount: the path stays whole, `root_path` says what was taken of it.
HOST = f"""
import holdgate.asgi


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({{"type": "lifespan.startup.complete"}})
        await receive()
        await send({{"type": "lifespan.shutdown.complete"}})
    elif scope["path"].startswith("{PATH}/"):
        await holdgate.asgi.app({{**scope, "root_path": "{PATH}"}}, receive, send)
    else:
        await send({{"type": "http.response.start", "status": 404, "headers": [(b"content-type", b"text/plain")]}})
        await send({{"type": "http.response.body", "body": b"the product has no such page"}})
"""
ADDRESSES = re.compile(r'\s([\w-]+)="(/[^"]*)"')
NO_ADDRESSES = {"value", "d"}  # a form's value comes back to us as it is
FOLLOWED = ("href", "src", "hx-get")
MOST_ALIKE = 2  # pages of one form that are looked at


def form_of(path: str) -> str:
    """The path with what differs from one thing to another left out."""
    return re.sub(r"[0-9a-f-]{36}|[0-9a-f]{8,}", "…", path)


async def nowhere(database: Database) -> set[str]:
    """Where tasks lead that hold, but were put into that state without a question, as only tests do."""
    held = text(
        "SELECT id FROM tasks t WHERE state = ANY(:holds) AND NOT EXISTS (SELECT FROM approvals WHERE task_id = t.id)"
    )
    async with database.read() as session:
        found = (await session.execute(held, {"holds": [str(state) for state in HOLDS]})).scalars()
        return {f"{PATH}/tasks/{task}/question" for task in found}


async def crawl(http: APIRequestContext, origin: str, without: set[str]) -> dict[str, int]:
    """Follows every address from the overview on. What was found, with the answers' statuses."""
    found: dict[str, int] = {}
    alike: dict[str, int] = {}
    waiting = deque([f"{PATH}/overview"])
    while waiting:
        address = waiting.popleft()
        if address in without:
            continue
        form = form_of(urlsplit(address).path)
        alike[form] = alike.get(form, 0) + 1
        if address in found or alike[form] > MOST_ALIKE or "/events" in form or "export" in form:
            continue
        answer = await http.get(origin + address)
        found[address] = answer.status
        if not answer.headers.get("content-type", "").startswith("text/html") or "/mailbox/" in address:
            continue
        for name, value in ADDRESSES.findall(await answer.text()):
            target = unescape(value)
            assert name in NO_ADDRESSES or target.startswith(f"{PATH}/") or target == PATH, f"{address}: {name}={value}"
            if name in FOLLOWED:
                waiting.append(target.split("#")[0])
    return found


@pytest.mark.browser
async def test_no_address_leads_out_of_the_path_below_which_it_is_mounted(
    servers: Servers, shared_database: Database, tmp_path: Path, browser: Browser
) -> None:
    (tmp_path / "host.py").write_text(HOST)
    origin = f"http://127.0.0.1:{(port := free_port())}"
    async with full_installation(servers, shared_database, tmp_path) as full:
        async with full.database.write("system") as session:
            link = await create_sign_in_link(session, full.root.email, origin + PATH)
        environ = environment(servers, tmp_path, BASE_URL=origin + PATH)
        environ["PYTHONPATH"] += f":{tmp_path}"
        process = Process(tmp_path / "log", environ, "uvicorn", "host:app", "--port", str(port), "--no-access-log")
        context = await browser.new_context()
        try:
            page = await context.new_page()
            asked: list[str] = []
            context.on("request", lambda request: asked.append(request.url))
            troubles: list[str] = []
            page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
            while "Uvicorn running" not in process.said():
                assert process.alive, process.said()
                await asyncio.sleep(0.05)
            await page.goto(link)
            await page.get_by_role("button", name="Sign in").click()
            await page.wait_for_url(f"{origin}{PATH}/overview")
            cookies = {str(cookie["name"]): str(cookie["path"]) for cookie in await context.cookies()}
            assert cookies.pop("hg_session-ops-holdgate") == PATH

            await page.get_by_role("link", name="Tasks", exact=True).first.click()  # a list, by htmx or not
            await page.locator("#filter-q").fill("nothing like it")
            await page.keyboard.press("Enter")
            await page.wait_for_url(re.compile(rf"{PATH}/tasks\?.*nothing"))
            await page.goto(f"{origin}{PATH}/tasks/new?kind=sample.task")
            await page.get_by_role("button", name=re.compile("Enqueue|Start|Create|Add")).first.click()
            await page.wait_for_url(re.compile(rf"{PATH}/tasks/[0-9a-f-]{{36}}"))  # a redirect after a POST

            statuses = await crawl(context.request, origin, await nowhere(full.database))
            missing = {form_of(address) for address, status in statuses.items() if status >= 400}
            assert missing <= {f"{PATH}/tasks/…"}, "a pruned task that the log still names, if any"
            assert len({form_of(urlsplit(address).path) for address in statuses}) > 30

            described = await (await context.request.get(f"{origin}{PATH}/api/openapi.json")).json()
            assert described["servers"] == [{"url": origin + PATH}]
            assert {url for url in asked if not url.startswith(f"{origin}{PATH}/")} == set()
            assert any("/events" in url for url in asked), "the stream of changes was heard"
            assert troubles == []
        finally:
            await context.close()
        # Open streams do not keep the host from ending; uvicorn ends by the signal that it has heard.
        assert process.stop(20) == -signal.SIGTERM
