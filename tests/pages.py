"""The one list of the pages of the site, for every test that looks at all of them, and the routes behind it."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from litestar import Router
from litestar.handlers import HTTPRouteHandler

# Signed in as an administrator. {run}, {task} and so on are those of tests/factories/installation.py.
PAGES = (
    "/overview",
    "/overview?period=week",
    "/runs",
    "/runs?state=paused&q=nothing+like+it",
    "/runs/{run}",
    "/runs/{run}/add",
    "/runs/new",
    "/runs/new/tasks",
    "/tasks",
    "/tasks?state=dead_letter",
    "/tasks?q=nothing+like+it",
    "/tasks?mail=with&sort=-duration",
    "/tasks?run_id=none",
    "/tasks/new",
    "/tasks/new?kind=test.steps&view=json",
    "/tasks/{task}",
    "/tasks/{dead}",
    "/tasks/{dead}/edit",
    "/tasks/{held}",
    "/tasks/compare?id={task}&id={dead}",
    "/tasks/new?copy={task}",
    "/errors/{error}",
    "/resume",
    "/help",
    "/about",
    "/bulk",
    "/bulk/new?verb=cancel&state=queued",
    "/bulk/new?verb=redrive&state=dead_letter",
    "/bulk/{bulk}",
    "/bulk/{going}",
    "/approvals",
    "/approvals?show=later",
    "/approvals?show=all",
    "/approvals?show=decided",
    "/approvals/people",
    "/approvals/together?run={run}",
    "/approvals/group/{group}",
    "/approvals/selection?item={mine}",
    "/approvals/{approval}",
    "/approvals/{mine}",
    "/approvals/{blocks}",
    "/approvals/{decided}",
    "/approvals/{decided}/receipt",
    "/dead-letters",
    "/dead-letters?q=nothing+like+it&sort=last&since=7d",
    "/queues",
    "/kinds/{kind}/limits",
    "/schedules",
    "/schedules/new",
    "/schedules/{schedule}",
    "/schedules/{schedule}/edit",
    "/workers",
    "/postings",
    "/postings/{posting}",
    "/postings/{posting}/edit",
    "/postings/new",
    "/postings/{gone}",
    "/postings/import",
    "/postings/import/{import}",
    "/postings/import/{import}?then=run",
    "/applications",
    "/applications?view=board",
    "/applications?q=nothing+like+it",
    "/applications/{application}",
    "/applications/{prepared}",
    "/applications/{prepared}/hand-off",
    "/search",
    "/search?q=task",
    "/settings",
    "/settings/absences",
    "/settings/working-time",
    "/settings/ask",
    "/settings/tokens",
    "/settings/tokens/{key}/revoke",
    "/settings/webhooks",
    "/settings/webhooks/{webhook}",
    "/settings/alarms",
    "/admin/users",
    "/admin/users/{person}/absences",
    "/admin/personal-data",
    "/admin/personal-data?address=owner@example.org",
    "/admin/groups",
    "/admin/groups/{people}",
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


# Signed out; {token} is a personal link's, {used} one's that has decided; {session} is that of a digest, {next} a
# request of it, and {over} a digest of which nothing is left.
OPEN = (
    "/",
    "/about",
    "/login",
    "/login/sent",
    "/login/none",
    "/review/{token}",
    "/review/{shows}",
    "/review/{used}",
    "/review/{used}/receipt",
    "/review/session/{session}",
    "/review/session/{session}/together/{alike}",
    "/review/{next}",
    "/review/session/{over}",
    "/review/session/none",
    "/review/none",
    "/verify/{decided}/{token}",
    "/no/such/page",
)


# More filters of the same pages, for tests that take no time for each.
FILTERED = (
    "/tasks/new?kind=sample.task&view=json",
    "/admin/audit?actor=user:&verb=enqueue",
    "/tasks?state=dead_letter&kind=test.steps&queue=default",
    "/tasks?q=in&owner=ann@example.org&payload=name:1&created_after=2h&finished_before=2026-11-23",
    "/bulk/new?verb=redrive",
    "/kinds/sample.task/limits",
)
# Those of PAGES that people see who are not signed in, too; /mailbox in development, where it holds their links.
FOR_EVERYBODY = ("/about", "/styleguide", "/api/docs", "/mailbox", "/no/such/page")
# Where people are most, for tests that do something on each.
BY_KEYBOARD = ("/overview", "/runs", "/runs/new", "/tasks", "/tasks/new", "/approvals", "/dead-letters", "/settings")
IN_COMFORT = ("/overview", "/runs", "/tasks", "/tasks/new", "/approvals", "/dead-letters", "/queues", "/settings")
# Those that bench/pages.py measures, as its history fills them; {task}, {run} and {approval} are found on the lists.
WITH_HISTORY = (
    "/overview",
    "/overview?period=week",
    "/runs",
    "/runs/{run}",
    "/runs/{run}?state=dead_letter",
    "/tasks",
    "/tasks?state=succeeded",
    "/tasks?sort=-duration",
    "/tasks?state=dead_letter&kind=http.request",
    "/tasks?state=queued&queue=mail",
    "/tasks?q=company+976",
    "/tasks?payload=email:person4711@example.org",
    "/tasks/{task}",
    "/tasks/new",
    "/dead-letters",
    "/approvals",
    "/approvals?show=all",
    "/approvals?show=decided",
    "/approvals/{approval}",
    "/search?q=company+976",
    "/bulk",
    "/bulk/new?verb=retry&state=dead_letter",
    "/queues",
    "/workers",
    "/postings",
    "/settings",
    "/settings/webhooks",
    "/admin/users",
    "/admin/audit",
)
# GET routes that are no page of ours.
NO_PAGES = {
    "/.well-known/holdgate-keys.json": "for programs",
    "/api": "the same as /api/docs",
    "/api/openapi.json": "for programs",
    "/approvals/{approval_id:uuid}/receipt.json": "for programs",
    "/review/{token:str}/receipt.json": "for programs",
    "/docs": "leads to /api/docs",
    "/dashboard": "leads to /overview",
    "/create": "leads to /tasks/new",
    "/jobs": "leads to /tasks",
    "/attention": "for a script",
    "/events": "a stream",
    "/health": "for programs",
    "/health/db": "for programs",
    "/livez": "for programs",
    "/metrics": "for programs",
    "/admin/personal-data/export.json": "a file",
    "/settings/data.json": "a file",
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
    "/settings/resumes/{resume_id:uuid}": "a file",
    "/applications/export.csv": "a file",
    "/applications/export.json": "a file",
    "/applications/{application_id:uuid}/resume": "a file",
    "/approvals/{approval_id:uuid}/files/{artifact_id:uuid}": "a file",
    "/review/{token:str}/files/{artifact_id:uuid}": "a file",
    "/tasks/{task_id:uuid}/artifacts/{artifact_id:uuid}": "a file",
    "/tasks/{task_id:uuid}/task.json": "a file",
    "/tasks/{task_id:uuid}/question": "leads on to an approval",
}


REFUSED_PAGES = (
    *("/no/such/page", "/runs/00000000-0000-0000-0000-000000000000", "/review/none", "/login/none"),
    "/review/session/none",
    *("/tasks?run_id=none", "/admin/audit?since=nonsense"),
)


def routes(handlers: Sequence[Any], method: str) -> Iterator[str]:
    """The paths of the site's own routes, without those of the API."""
    for handler in handlers:
        if isinstance(handler, Router):
            yield from (r.path for r in handler.routes if method in r.methods and not r.path.startswith("/api/v1"))
        elif isinstance(handler, HTTPRouteHandler) and method in {str(each) for each in handler.http_methods}:
            yield from handler.paths


def shape(path: str) -> str:
    """A route and a line of PAGES have the same one when the line shows the route: /runs/{} for /runs/{run_id:uuid}."""
    return re.sub(r"\{[^}]*\}", "{}", path.split("?")[0])
