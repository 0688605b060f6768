"""For browser tests: Chromium; and everything of an installation as separate processes, or the site in this one."""

import asyncio
import email
import email.policy
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from redis.asyncio import Redis

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from tests import chromium, processes
from tests.careers.careers_site import Site
from tests.factories.people import PEOPLE
from tests.factories.site import Served, served
from tests.processes import ROOT, Process, environment
from tests.servers import Servers


@dataclass
class Installation:
    base: str
    environ: dict[str, str]
    mails: Path
    site: Site
    web: Process
    worker: Process

    def holdgate(self, *arguments: str) -> str:
        """The command, as an administrator types it."""
        done = subprocess.run(
            [sys.executable, "-m", "holdgate.cli", *arguments],
            cwd=ROOT,
            env=self.environ,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    async def mail_to(self, address: str, subject: str, seconds: float = 20.0) -> EmailMessage:
        """The newest mail to `address` whose subject holds `subject`; waits for it."""
        deadline = time.monotonic() + seconds
        while True:
            for path in sorted(self.mails.glob("*.eml"), reverse=True):
                message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
                assert isinstance(message, EmailMessage)
                if address in str(message["To"]) and subject.lower() in str(message["Subject"]).lower():
                    return message
            assert time.monotonic() < deadline, f"no mail {subject!r} to {address}\n{self.worker.said()[-3000:]}"
            await asyncio.sleep(0.05)

    def link_in(self, message: EmailMessage) -> str:
        """The one link of the text part."""
        part = message.get_body(("plain",))
        assert part is not None
        found = re.findall(rf"{re.escape(self.base)}/(?:review|login)/\S+", part.get_content())
        assert len(found) == 1, part.get_content()
        return str(found[0])


@pytest.fixture
def installation(database: Database, servers: Servers, tmp_path: Path) -> Iterator[Installation]:
    mails = tmp_path / "mails"
    mails.mkdir()
    smtp = subprocess.Popen(
        [sys.executable, "-m", "tests.journeys.smtp_process", str(mails)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert smtp.stdout is not None
    smtp_port = smtp.stdout.readline().strip()
    port = processes.free_port()
    base = f"http://127.0.0.1:{port}"
    environ = environment(servers, tmp_path, BASE_URL=base, SMTP_URL=f"smtp://127.0.0.1:{smtp_port}", LEASE_SECONDS="3")
    try:
        with (
            Site(tmp_path / "careers") as site,
            processes.worker(environ, tmp_path / "worker.log") as worker,  # starts while the other is waited for
            processes.web(environ, tmp_path / "web.log", port) as web,
        ):
            yield Installation(base, environ, mails, site, web, worker)
    finally:
        smtp.kill()
        smtp.wait()


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        made = await playwright.chromium.launch(executable_path=chromium.path(), args=chromium.ARGUMENTS)
        yield made
        await made.close()


@pytest.fixture
async def site(settings: Settings, database: Database, redis: Redis, port: int) -> AsyncIterator[Served]:
    """The web part alone, in this process: quick, and whoever a header names is signed in."""
    async with served(settings, database, redis, port) as made:
        yield made


class Browsers:
    """Contexts that are free again, each with a page of its own that stays.

    A context has a process of its own, which that page keeps: a page that is opened beside it starts in a third of the
    time. Cookies go; our pages store nothing else.
    """

    def __init__(self, browser: Browser, base: str) -> None:
        self._browser, self._base = browser, base
        self._free: dict[str, list[BrowserContext]] = {}

    async def take(self, options: dict[str, Any]) -> BrowserContext:
        free = self._free.setdefault(repr(options), [])
        if free:
            return free.pop()
        made = await self._browser.new_context(base_url=self._base, **options)
        await (await made.new_page()).goto("about:blank")
        return made

    async def give_back(self, context: BrowserContext, options: dict[str, Any]) -> None:
        for page in context.pages[1:]:
            await page.close()
        await context.clear_cookies()
        self._free[repr(options)].append(context)


@pytest.fixture(scope="session")
def port() -> int:
    """One for all sites of these tests, one after the other."""
    return processes.free_port()


@pytest.fixture(scope="session")
async def browsers(browser: Browser, port: int) -> Browsers:
    return Browsers(browser, f"http://127.0.0.1:{port}")


OpenPage = Callable[..., Awaitable[Page]]


@pytest.fixture
async def open_page(site: Served, browsers: Browsers) -> AsyncIterator[OpenPage]:
    """A page of somebody's browser."""
    taken: list[tuple[BrowserContext, dict[str, Any]]] = []

    async def make(person: Principal | None, path: str, **options: Any) -> Page:
        headers = {}
        if person is not None:
            PEOPLE[person.email] = person
            headers = {"X-Test-User": person.email}
        context = await browsers.take(options)
        taken.append((context, options))
        await context.set_extra_http_headers(headers)
        page = await context.new_page()
        await page.goto(path)
        return page

    yield make
    for context, options in taken:
        await browsers.give_back(context, options)


EVERYTHING = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
RUN_AXE = "options => axe.run(document, options).then(({violations}) => violations.map(({id, help, nodes}) => \
    `${id}: ${help}\\n` + nodes.map(({html, failureSummary}) => `  ${html}\\n  ${failureSummary}`).join('\\n')))"
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
