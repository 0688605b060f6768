"""Every page, wide and on a phone, light and dark: no axe violation, nothing on the console, no horizontal scroll.

A new page is one line in PAGES. All of it shares one server, one browser and one database full of everything.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, ViewportSize
from redis.asyncio import Redis

from app.approvals import deciding
from app.core.config import Settings
from app.core.db import Database
from app.core.principal import Principal
from tests import servers as servers_module
from tests.approvals.asking import approve, principal, put_question
from tests.bulk.acting import buried
from tests.pages import served
from tests.postings.people import PEOPLE
from tests.servers import Servers
from tests.tasks.making import make_task
from tests.test_pages import fill

pytestmark = pytest.mark.browser

# Signed in as an administrator. {run}, {task}, {dead}, {held}, {approval} are ids of the full database.
PAGES = (
    "/overview",
    "/overview?period=week",
    "/runs",
    "/runs/{run}",
    "/runs/new",
    "/tasks",
    "/tasks?state=dead_letter",
    "/tasks?q=nothing+like+it",
    "/tasks?mail=with&sort=oldest",
    "/tasks?run_id=none",
    "/tasks/new",
    "/tasks/new?kind=test.steps&view=json",
    "/tasks/{task}",
    "/tasks/{dead}",
    "/tasks/{dead}/edit",
    "/tasks/{held}",
    "/approvals",
    "/approvals?show=all",
    "/approvals?show=decided",
    "/approvals/{approval}",
    "/approvals/{decided}",
    "/approvals/{decided}/receipt",
    "/dead-letters",
    "/queues",
    "/workers",
    "/postings",
    "/postings/import",
    "/search",
    "/search?q=task",
    "/settings",
    "/settings/tokens",
    "/settings/webhooks",
    "/admin/users",
    "/admin/audit",
    "/admin/health",
    "/admin/health?all=yes",
    "/admin/audit?show=log",
    "/admin/audit?since=nonsense",
    "/mailbox",
    "/styleguide",
    "/no/such/page",
    "/runs/00000000-0000-0000-0000-000000000000",
)
# Signed out; {token} is a personal link's.
OPEN = ("/", "/login", "/review/{token}", "/review/none", "/login/none", "/no/such/page")

WIDE, PHONE = ViewportSize(width=1280, height=900), ViewportSize(width=390, height=844)
EVERYTHING = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
# What else can differ in the dark, and on a phone.
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
NARROW = {"runOnly": {"type": "rule", "values": ["color-contrast", "target-size", "scrollable-region-focusable"]}}
# A page that is meant to be refused is one failed request to the browser's console.
REFUSED = "Failed to load resource: the server responded with a status of 4"


@dataclass
class Full:
    """A site full of everything, and a browser that is signed in and one that is not."""

    names: dict[str, str]
    contexts: dict[bool, BrowserContext]


@pytest.fixture(scope="module")
async def full(
    browser: Browser, servers: Servers, shared_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Full]:
    settings = Settings(
        database_url=servers.database_url,
        redis_url=servers.redis_url,
        secret_keys=("a-key-for-tests-only-0123456789abcdef",),
        data_dir=tmp_path_factory.mktemp("every-page"),
    )
    await servers_module.empty(shared_database)
    redis = Redis.from_url(servers.redis_url)
    root = await principal(shared_database, "root@example.org", admin=True)
    PEOPLE[root.email] = root
    names = await everything(shared_database, settings, root)
    async with served(settings, shared_database, redis) as site:
        contexts = {
            signed_in: await browser.new_context(
                base_url=site.base, extra_http_headers={"X-Test-User": root.email} if signed_in else {}
            )
            for signed_in in (True, False)
        }
        yield Full(names, contexts)
        for context in contexts.values():
            await context.close()
    await redis.aclose()


async def everything(database: Database, settings: Settings, by: Principal) -> dict[str, str]:
    """Fills the database. Returns what stands for the names in PAGES."""
    run = await fill(database, settings, by)
    task = await make_task(database, title="A title that is " + "very, " * 20 + "long", payload={}, owner_id=by.id)
    [dead] = await buried(
        database, 1, "It is " + "very, " * 40 + "broken.", owner_id=by.id, kind="test.steps", payload={"name": "x"}
    )
    asked = await put_question(database, settings, recipients=("owner@example.org", "x" * 60 + "@example.org"))
    decided = await put_question(database, settings)
    async with database.write("recipient:owner@example.org") as session:
        await deciding.decide_by_link(session, decided.hashes()[0], approve(decided), source="192.0.2.1")
    return {
        "run": str(run),
        "task": str(task),
        "dead": str(dead),
        "held": str(asked.task_id),
        "approval": str(asked.approval_id),
        "decided": str(decided.approval_id),
        "token": asked.tokens[0],
    }


async def looked_at(full: Full, path: str, signed_in: bool) -> None:
    complaints: list[str] = []

    def complain(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(REFUSED):
            complaints.append(message.text)

    page: Page = await full.contexts[signed_in].new_page()
    try:
        page.on("console", complain)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        for size, scheme, rules in ((WIDE, "light", EVERYTHING), (WIDE, "dark", COLOURS), (PHONE, "light", NARROW)):
            await page.set_viewport_size(size)
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            if page.url == "about:blank":
                answer = await page.goto(path.format(**full.names))
                assert answer is not None
                assert answer.status < 500
            width = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert width <= 0, f"{width} px too wide at {size['width']}"
            found = await Axe().run(page, options={"resultTypes": ["violations"], **rules})
            assert found.violations_count == 0, f"{size['width']} px, {scheme}\n{found.generate_report()}"
        assert complaints == []
    finally:
        await page.close()


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_for_people_who_are_signed_in(full: Full, path: str) -> None:
    await looked_at(full, path, signed_in=True)


@pytest.mark.parametrize("path", OPEN)
async def test_a_page_for_everybody(full: Full, path: str) -> None:
    await looked_at(full, path, signed_in=False)
