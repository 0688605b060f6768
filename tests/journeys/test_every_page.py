"""Every page, wide and on a phone, light and dark: no axe violation, nothing on the console, no horizontal scroll.

A new page is one line in PAGES. All of it shares one server, one browser and one database full of everything.
"""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from litestar import Router
from litestar.handlers import HTTPRouteHandler
from playwright.async_api import Browser, ConsoleMessage, Error, Page, ViewportSize

from holdgate.asgi import HANDLERS
from holdgate.core.db import Database
from tests.factories.installation import full_installation
from tests.factories.site import served
from tests.servers import Servers

browser_test = pytest.mark.browser

# Signed in as an administrator. {run}, {task} and so on are those of tests/factories/installation.py.
PAGES = (
    "/overview",
    "/overview?period=week",
    "/runs",
    "/runs?state=paused&q=nothing+like+it",
    "/runs/{run}",
    "/runs/{run}/add",
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
    "/bulk",
    "/bulk/new?verb=cancel&state=queued",
    "/bulk/new?verb=redrive&state=dead_letter",
    "/bulk/{bulk}",
    "/bulk/{going}",
    "/approvals",
    "/approvals?show=all",
    "/approvals?show=decided",
    "/approvals/together?run={run}",
    "/approvals/group/{group}",
    "/approvals/{approval}",
    "/approvals/{mine}",
    "/approvals/{decided}",
    "/approvals/{decided}/receipt",
    "/dead-letters",
    "/queues",
    "/kinds/{kind}/limits",
    "/schedules",
    "/schedules/new",
    "/schedules/{schedule}",
    "/schedules/{schedule}/edit",
    "/workers",
    "/postings",
    "/postings/{posting}",
    "/postings/import",
    "/postings/import/{import}",
    "/postings/import/{import}?then=run",
    "/search",
    "/search?q=task",
    "/settings",
    "/settings/tokens",
    "/settings/tokens/{key}/revoke",
    "/settings/webhooks",
    "/settings/webhooks/{webhook}",
    "/admin/users",
    "/admin/audit",
    "/admin/health",
    "/admin/health?all=yes",
    "/admin/audit?show=log",
    "/admin/audit?since=nonsense",
    "/mailbox",
    "/mailbox/{mail}",
    "/styleguide",
    "/api/docs",
    "/no/such/page",
    "/runs/00000000-0000-0000-0000-000000000000",
)
# Signed out; {token} is a personal link's, {used} one's that has decided.
OPEN = (
    "/",
    "/login",
    "/login/sent",
    "/login/none",
    "/review/{token}",
    "/review/{used}",
    "/review/{used}/receipt",
    "/review/none",
    "/no/such/page",
)
# GET routes that are no page of ours.
NO_PAGES = {
    "/.well-known/holdgate-keys.json": "for programs",
    "/api": "the same as /api/docs",
    "/api/openapi.json": "for programs",
    "/approvals/{approval_id:uuid}/receipt.json": "for programs",
    "/review/{token:str}/receipt.json": "for programs",
    "/events": "a stream",
    "/health": "for programs",
    "/health/db": "for programs",
    "/livez": "for programs",
    "/metrics": "for programs",
    "/admin/audit/export.csv": "a file",
    "/admin/audit/export.json": "a file",
    "/tasks/export.csv": "a file",
    "/tasks/export.json": "a file",
    "/dead-letters/export.csv": "a file",
    "/dead-letters/export.json": "a file",
    "/approvals/export.csv": "a file",
    "/approvals/export.json": "a file",
    "/postings/export.csv": "a file",
    "/postings/export.json": "a file",
    "/runs/export.csv": "a file",
    "/runs/export.json": "a file",
    "/readyz": "for programs",
    "/mailbox/{message_id:uuid}/html": "a mail as it was sent, in a frame of /mailbox/{mail}",
    "/settings/resume": "a file",
    "/tasks/{task_id:uuid}/artifacts/{artifact_id:uuid}": "a file",
    "/tasks/{task_id:uuid}/task.json": "a file",
    "/tasks/{task_id:uuid}/question": "leads on to an approval",
}

WIDE, PHONE = ViewportSize(width=1280, height=900), ViewportSize(width=390, height=844)
EVERYTHING = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
# What else can differ in the dark, and on a phone.
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
NARROW = {"runOnly": {"type": "rule", "values": ["color-contrast", "target-size", "scrollable-region-focusable"]}}
LOOKS: tuple[tuple[ViewportSize, Any, dict[str, Any]], ...] = (
    (WIDE, "light", EVERYTHING),
    (WIDE, "dark", COLOURS),
    (PHONE, "dark", COLOURS),
    (PHONE, "light", NARROW),
)
REFUSED_PAGES = (
    *("/no/such/page", "/runs/00000000-0000-0000-0000-000000000000", "/review/none", "/login/none"),
    *("/tasks?run_id=none", "/admin/audit?since=nonsense"),
)
# A page that is meant to be refused is one failed request to the browser's console.
REFUSED = "Failed to load resource: the server responded with a status of 4"
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
FEWER_ALIKE = "document.querySelectorAll('tbody tr:nth-child(n + 13), details.panel:nth-child(n + 5)') \
    .forEach(each => each.remove())"
RUN_AXE = "options => axe.run(document, options).then(({violations}) => violations.map(({id, help, nodes}) => \
    `${id}: ${help}\\n` + nodes.map(({html, failureSummary}) => `  ${html}\\n  ${failureSummary}`).join('\\n')))"


@dataclass
class Seen:
    """A site full of everything, and a page of a browser that is signed in and one that is not.

    They go from path to path: a page of its own for each would take twice as long.
    """

    names: dict[str, str]
    pages: dict[bool, Page]


@pytest.fixture(scope="module")
async def seen(
    browser: Browser, servers: Servers, shared_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Seen]:
    async with (
        full_installation(servers, shared_database, tmp_path_factory.mktemp("every-page")) as full,
        served(full.settings, full.database, full.redis) as site,
    ):
        contexts = {
            signed_in: await browser.new_context(
                base_url=site.base, extra_http_headers={"X-Test-User": full.root.email} if signed_in else {}
            )
            for signed_in in (True, False)
        }
        asking = await contexts[False].new_page()  # /login/sent is for who has asked for a link
        await asking.goto("/login")
        await asking.get_by_label("E-mail").fill("somebody@example.org")
        await asking.keyboard.press("Enter")
        await asking.wait_for_url("**/login/sent")
        await asking.close()
        yield Seen(full.names, {signed_in: await context.new_page() for signed_in, context in contexts.items()})
        for context in contexts.values():
            await context.close()


async def looked_at(seen: Seen, path: str, signed_in: bool) -> None:
    complaints: list[str] = []

    def complain(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(REFUSED):
            complaints.append(message.text)

    def fail(error: Error) -> None:
        complaints.append(str(error))

    page = seen.pages[signed_in]
    page.on("console", complain)
    page.on("pageerror", fail)
    try:
        await page.set_viewport_size(WIDE)
        await page.emulate_media(color_scheme="light", reduced_motion="reduce")
        answer = await page.goto(path.format(**seen.names))
        assert answer is not None
        assert answer.status == 200 or (400 <= answer.status < 500 and path in REFUSED_PAGES), answer.status
        await page.evaluate(Axe().axe_script)
        for size in (PHONE, WIDE):
            await page.set_viewport_size(size)
            width = await page.evaluate(TOO_WIDE)
            assert width <= 0, f"{width} px too wide at {size['width']}"
        for size, scheme, rules in LOOKS:
            if rules is not EVERYTHING:  # one row looks like the other
                await page.evaluate(FEWER_ALIKE)
            await page.set_viewport_size(size)
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found = await page.evaluate(RUN_AXE, {"resultTypes": ["violations"], **rules})
            assert found == [], f"{size['width']} px, {scheme}\n" + "\n".join(found)
        assert complaints == []
    finally:
        await page.goto("about:blank")  # what it still has to say is said before the next
        page.remove_listener("console", complain)
        page.remove_listener("pageerror", fail)


@browser_test
@pytest.mark.parametrize("path", PAGES)
async def test_a_page_for_people_who_are_signed_in(seen: Seen, path: str) -> None:
    await looked_at(seen, path, signed_in=True)


@browser_test
@pytest.mark.parametrize("path", OPEN)
async def test_a_page_for_everybody(seen: Seen, path: str) -> None:
    await looked_at(seen, path, signed_in=False)


def routes(handlers: Sequence[Any], method: str) -> Iterator[str]:
    """The paths of the site's own routes, without those of the API."""
    for handler in handlers:
        if isinstance(handler, Router):
            yield from (r.path for r in handler.routes if method in r.methods and not r.path.startswith("/api/v1"))  # type: ignore[union-attr]
        elif isinstance(handler, HTTPRouteHandler) and method in {str(each) for each in handler.http_methods}:
            yield from handler.paths


def shape(path: str) -> str:
    """A route and a line of PAGES have the same one when the line shows the route: /runs/{} for /runs/{run_id:uuid}."""
    return re.sub(r"\{[^}]*\}", "{}", path.split("?")[0])


def test_every_page_of_the_site_is_looked_at() -> None:
    served = {path for path in routes(HANDLERS, "GET")}
    looked_at = {shape(path) for path in (*PAGES, *OPEN, "/login/{}")}  # its one page without a name: /login/none
    assert {path for path in served if shape(path) not in looked_at} == set(NO_PAGES)
    assert {path for path in served if shape(path) in looked_at} & set(NO_PAGES) == set()
