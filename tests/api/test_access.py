"""Who may do what: every route by every kind of caller. A new route without a line here fails."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from redis.asyncio import Redis

from holdgate.accounts.api.resume import FILE
from holdgate.accounts.availability import absences
from holdgate.accounts.tokens.personal import USUAL
from holdgate.api.openapi import document
from holdgate.asgi import API_HANDLERS
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.scopes import Scope
from holdgate.groups import service as groups
from tests.factories.approvals import put_question
from tests.factories.programs import (
    ADMIN,
    ALL,
    OTHER,
    OWNER,
    SCHEDULE,
    V1,
    WEBHOOK,
    Api,
    api_of,
    is_problem,
    keep_file,
    make_task,
    signed_in,
)
from tests.servers import Servers, empty, kept, settings_of

ALARM = {"condition": "failures", "count": 5, "minutes": 10}
TASK = {"kind": "sample.task"}
DECISION = {"version": "0" * 64, "decision": "approve"}
AWAY = {"starts_at": "2100-01-01T00:00:00Z", "ends_at": "2100-01-02T00:00:00Z"}
HOURS = {"days": [1], "starts": "09:00:00", "ends": "12:00:00", "zone": "UTC"}
NOTE = {"note_id": str(UUID(int=1))}
TOGETHER = {"questions": [{"id": str(UUID(int=1)), "version": "0" * 64}], "decision": "approve"}
BULK = {"verb": "cancel", "filter": {"kind": "sample.task"}}

# route → (body, owner's status, other member's, administrator's). A wrong version (409) still tells who got that far.
ROUTES: dict[str, tuple[Any, int, int, int]] = {
    "GET /tasks": (None, 200, 200, 200),
    "POST /tasks": (TASK, 201, 201, 201),
    "POST /tasks/bulk": ({"tasks": [TASK]}, 201, 201, 201),
    "GET /tasks/{task_id}": (None, 200, 404, 200),
    "GET /tasks/{task_id}/events": (None, 200, 404, 200),
    "POST /tasks/{task_id}/retry": (None, 409, 404, 409),
    "POST /tasks/{task_id}/resume": (None, 409, 404, 409),
    "POST /tasks/{task_id}/cancel": (None, 200, 404, 200),
    "POST /tasks/{task_id}/answer": ({}, 409, 404, 409),
    "POST /tasks/{task_id}/edit": ({"payload": {}}, 409, 404, 409),
    "POST /tasks/{task_id}/priority": ({"priority": 60}, 200, 404, 200),
    "POST /tasks/{task_id}/resolve": ({"note": "By hand."}, 409, 404, 409),
    "GET /tasks/{task_id}/steps": (None, 200, 404, 200),
    "GET /tasks/{task_id}/artifacts": (None, 200, 404, 200),
    "GET /tasks/{task_id}/artifacts/{artifact_id}": (None, 200, 404, 200),
    "GET /tasks/export.csv": (None, 200, 200, 200),
    "GET /tasks/export.json": (None, 200, 200, 200),
    "GET /tasks/views": (None, 200, 200, 200),
    "POST /tasks/views": ({"name": "Mine"}, 201, 201, 422),  # by then they have one of that name
    "POST /tasks/views/{view_id}/rename": ({"name": "Yours"}, 200, 404, 404),  # a view is its person's alone
    "POST /tasks/views/{view_id}/delete": (None, 200, 404, 404),
    "GET /dead-letters": (None, 200, 200, 200),
    "GET /runs": (None, 200, 200, 200),
    "POST /runs": ({"name": "r", "tasks": [TASK]}, 201, 201, 201),
    "GET /runs/{run_id}": (None, 200, 404, 200),
    "POST /runs/{run_id}/tasks": ({"tasks": [TASK]}, 201, 404, 201),
    "POST /runs/{run_id}/rename": ({"name": "Tuesday"}, 200, 404, 200),
    "POST /runs/{run_id}/pause": (None, 200, 404, 200),
    "POST /runs/{run_id}/resume": (None, 409, 404, 409),
    "POST /runs/{run_id}/cancel": (None, 200, 404, 200),
    "POST /runs/{run_id}/delete": (None, 409, 404, 409),  # its tasks have not ended
    "GET /approvals": (None, 200, 200, 200),
    # Who reads, waits and cancels with a token that asks: tests/approvals/programs.
    "POST /approvals": ({"title": "t"}, 201, 201, 201),
    "POST /approvals/{approval_id}/cancel": (None, 409, 404, 409),  # a task asks it
    "POST /approvals/{approval_id}/use": (None, 404, 404, 404),  # likewise
    "GET /approvals/{approval_id}": (None, 200, 404, 200),
    "POST /approvals/{approval_id}/decision": (DECISION, 409, 404, 409),
    # Administrators decide unasked; what else is for those asked, they were not asked for.
    "POST /approvals/{approval_id}/forward": ({"to": OTHER}, 200, 404, 403),
    "POST /approvals/{approval_id}/ask-back": ({"question": "Why?"}, 422, 404, 403),  # there is no other owner
    "POST /approvals/{approval_id}/withdraw": (NOTE, 409, 404, 403),
    "POST /approvals/{approval_id}/answer-back": ({**NOTE, "answer": "So."}, 409, 404, 409),
    "POST /approvals/{approval_id}/take-back": (None, 409, 404, 409),
    "GET /approvals/{approval_id}/trail": (None, 200, 404, 200),
    "POST /approvals/{approval_id}/files": (None, 422, 422, 422),  # for which field?
    "GET /approvals/{approval_id}/files/{file_id}": (None, 404, 404, 404),  # it has none
    "GET /approvals/{approval_id}/receipt": (None, 404, 404, 404),  # there is none yet
    # Those of existing groups are in test_approvals_api.py.
    "GET /approvals/people": (None, 200, 200, 200),
    "GET /approvals/forecast": (None, 422, 422, 422),  # of which kind?
    "GET /approvals/groups": (None, 200, 200, 200),
    "GET /approvals/groups/{key}": (None, 404, 404, 404),
    "POST /approvals/groups/{key}/decision": (TOGETHER, 404, 404, 404),
    "GET /postings": (None, 200, 200, 200),
    "GET /postings/{posting_id}": (None, 200, 404, 200),
    "POST /postings": (
        {"title": "t", "company": "c", "url": "https://harrow.example/9"},
        201,
        201,
        200,
    ),  # known by then
    "POST /postings/{posting_id}": (
        {"title": "t", "company": "c", "url": "https://harrow.example/edited"},
        200,
        404,
        404,
    ),
    "POST /postings/{posting_id}/archive": (None, 200, 404, 404),
    "POST /postings/{posting_id}/restore": (None, 200, 404, 404),
    "POST /postings/{posting_id}/delete": (None, 200, 404, 404),
    "POST /postings/import": ("title,company,url\nt,c,https://harrow.example/8\n", 200, 200, 200),
    "POST /postings/imports": ("title,company,url\nt,c,https://harrow.example/8\n", 201, 201, 201),
    "GET /postings/imports/{import_id}": (None, 200, 404, 404),
    "POST /postings/imports/{import_id}/read": ({"company": "c"}, 200, 404, 404),
    "POST /postings/imports/{import_id}/confirm": ({}, 200, 404, 404),
    "POST /postings/imports/{import_id}/start": ({"name": "r"}, 201, 404, 404),
    "POST /postings/imports/{import_id}/discard": (None, 200, 404, 404),
    "POST /postings/{posting_id}/same": ({"posting": str(UUID(int=1))}, 404, 404, 404),
    "POST /postings/{posting_id}/different": ({"posting": str(UUID(int=1))}, 404, 404, 404),
    "POST /postings/{posting_id}/separate": ({"posting": str(UUID(int=1))}, 404, 404, 404),
    "POST /postings/{posting_id}/not-applied": (None, 409, 404, 404),
    "POST /postings/applied": ({"postings": [str(UUID(int=1))]}, 404, 404, 404),
    "GET /applications": (None, 200, 200, 200),
    "GET /applications/{application_id}": (None, 200, 404, 200),
    "POST /applications/{application_id}": ({"status": "offer", "notes": "n"}, 200, 404, 200),
    "POST /applications/{application_id}/follow-up": ({"day": "2099-01-01"}, 200, 404, 200),
    "POST /applications/{application_id}/sent": ({}, 409, 404, 409),  # elsewhere
    "POST /applications/{application_id}/not-sent": ({"reason": "r"}, 409, 404, 409),
    "GET /schedules": (None, 200, 200, 200),
    "POST /schedules": (SCHEDULE, 201, 201, 201),
    "GET /schedules/{schedule_id}": (None, 200, 404, 200),
    "POST /schedules/{schedule_id}": (SCHEDULE, 200, 404, 200),
    "POST /schedules/{schedule_id}/pause": (None, 200, 404, 200),
    "POST /schedules/{schedule_id}/resume": (None, 200, 404, 200),
    "POST /schedules/{schedule_id}/run": (None, 200, 404, 200),
    "POST /schedules/{schedule_id}/delete": (None, 200, 404, 200),
    "GET /limits": (None, 403, 403, 200),
    "POST /limits/{kind}": ({"concurrency": 5}, 403, 403, 200),
    "POST /queues/{name}/pause": (None, 403, 403, 200),
    "POST /queues/{name}/resume": (None, 403, 403, 200),
    "POST /runs/from-postings": ({"name": "r", "matching": ""}, 201, 422, 422),  # only one's own postings
    "POST /runs/{run_id}/postings": ({"matching": ""}, 201, 404, 404),
    "GET /runs/{run_id}/times": (None, 200, 404, 200),
    "GET /runs/{run_id}/events": (None, 200, 404, 200),
    "POST /runs/{run_id}/retry-failed": ({}, 422, 404, 422),  # nothing has failed
    "POST /bulk/preview": (BULK, 200, 200, 200),
    "POST /bulk": ({**BULK, "expected": 1000}, 201, 422, 201),  # nothing of theirs matches
    "GET /bulk": (None, 200, 200, 200),
    "GET /bulk/{action_id}": (None, 200, 404, 200),
    "POST /bulk/{action_id}/stop": (None, 200, 404, 200),
    "POST /bulk/{action_id}/continue": (None, 409, 404, 409),
    "POST /bulk/{action_id}/undo": (None, 409, 404, 409),
    "GET /webhooks": (None, 200, 200, 200),
    "POST /webhooks": (WEBHOOK, 201, 201, 201),
    "GET /webhooks/{endpoint_id}": (None, 200, 404, 200),
    "GET /webhooks/{endpoint_id}/deliveries": (None, 200, 404, 200),
    "POST /webhooks/{endpoint_id}": ({"events": ["task.held"]}, 200, 404, 200),
    "POST /webhooks/{endpoint_id}/rotate": (None, 200, 404, 200),
    "POST /webhooks/{endpoint_id}/test": (None, 200, 404, 200),
    "POST /webhooks/{endpoint_id}/pause": (None, 200, 404, 200),
    "POST /webhooks/{endpoint_id}/resume": (None, 200, 404, 200),
    "POST /webhooks/{endpoint_id}/delete": (None, 200, 404, 200),
    "GET /alarms": (None, 200, 200, 200),
    "POST /alarms": (ALARM, 201, 201, 201),
    "GET /alarms/{alarm_id}": (None, 200, 404, 404),  # an alarm is its person's alone
    "POST /alarms/{alarm_id}/delete": (None, 200, 404, 404),
    "GET /muted-errors": (None, 200, 200, 200),
    "POST /errors/{error}/mute": (None, 200, 200, 200),
    "POST /errors/{error}/unmute": (None, 200, 200, 200),
    "GET /users": (None, 403, 403, 200),
    "POST /users": ({"email": "new@example.org"}, 403, 403, 201),
    "GET /users/{user_id}": (None, 403, 403, 200),
    "POST /users/{user_id}/role": ({"role": "member"}, 403, 403, 200),
    "POST /users/{user_id}/disable": (None, 403, 403, 200),
    "POST /users/{user_id}/enable": (None, 403, 403, 200),
    "GET /people/export": (None, 403, 403, 422),  # whose?
    "POST /people/erase": ({"address": "gone@example.org"}, 403, 403, 201),
    "GET /people/erasures/{erasure_id}": (None, 403, 403, 404),  # there is none yet
    "GET /account/data": (None, 200, 200, 200),
    "GET /account/absences": (None, 200, 200, 200),
    "POST /account/absences": (AWAY, 201, 201, 422),  # by then they have one of that time
    "POST /account/absences/{absence_id}/delete": (None, 200, 404, 404),
    "GET /account/working-time": (None, 200, 200, 200),
    "POST /account/working-time": (HOURS, 200, 200, 200),
    "GET /users/{user_id}/absences": (None, 403, 403, 200),
    "POST /users/{user_id}/absences": (AWAY, 403, 403, 201),
    "POST /users/{user_id}/absences/{absence_id}/delete": (None, 403, 403, 404),  # it is another person's
    "GET /groups": (None, 200, 200, 200),
    "POST /groups": ({"name": "finance"}, 403, 403, 201),
    "GET /groups/{group}": (None, 200, 200, 200),
    "POST /groups/{group}": ({"description": "Who knows"}, 403, 403, 200),
    "POST /groups/{group}/members": ({"members": [OTHER]}, 403, 403, 200),
    "POST /groups/{group}/members/remove": ({"members": [OTHER]}, 403, 403, 200),
    "POST /groups/{group}/delete": (None, 403, 403, 200),
    "GET /programs": (None, 403, 403, 200),
    "POST /programs/{token_id}/trust": ({"trusted": True}, 403, 403, 200),
    "GET /audit": (None, 403, 403, 200),
    "GET /doctor": (None, 403, 403, 200),
    "GET /workers": (None, 200, 200, 200),
    "GET /account": (None, 200, 200, 200),
    "POST /account": ({"run_notices": False}, 200, 200, 200),
    "GET /account/profile": (None, 200, 200, 200),
    "POST /account/profile": ({"name": "n", "email": "n@example.org"}, 200, 200, 200),
    "GET /account/resume": (None, 200, 404, 404),  # they have none
    "POST /account/resume": (b"A gardener.", 200, 200, 200),
    "POST /account/resume/remove": (None, 200, 404, 404),
    "GET /account/resumes": (None, 200, 200, 200),
    "POST /account/resumes": (b"A gardener.", 200, 200, 200),
    "GET /account/resumes/{resume_id}": (None, 200, 404, 404),
    "POST /account/resumes/{resume_id}/use": (None, 200, 404, 404),
    "POST /account/resumes/{resume_id}/remove": (None, 200, 404, 404),
    "GET /account/tokens": (None, 200, 200, 200),
    "POST /account/tokens/{token_id}/revoke": (None, 200, 404, 404),
    "GET /account/sessions": (None, 200, 200, 200),
    "POST /account/sessions/{session_id}/revoke": (None, 200, 404, 404),
    "POST /account/sessions/revoke": (None, 200, 200, 200),  # of one's own
    "GET /stats": (None, 200, 200, 200),
    "GET /overview": (None, 200, 200, 200),
    **{
        f"GET /{name}/export.{ending}": (None, 200, 200, 200) if name != "audit" else (None, 403, 403, 200)
        for name in ("runs", "approvals", "postings", "applications", "audit")
        for ending in ("csv", "json")
    },
    "GET /kinds": (None, 200, 200, 200),
    "GET /events": (None, 200, 200, 200),
}
# What the owner is told when the administrator has done it already, where that is not a conflict.
AGAIN = {f"POST /schedules/{{schedule_id}}{verb}": 200 for verb in ("", "/pause", "/resume", "/run")}
AGAIN |= {f"POST /webhooks/{{endpoint_id}}{verb}": 200 for verb in ("", "/rotate", "/test", "/resume")}
AGAIN |= {f"POST /errors/{{error}}/{verb}": 200 for verb in ("mute", "unmute")}
AGAIN |= {f"POST /{path}/delete": 404 for path in ("schedules/{schedule_id}", "webhooks/{endpoint_id}")}
AGAIN |= {f"POST /applications/{{application_id}}{verb}": 200 for verb in ("", "/follow-up")}
AGAIN |= dict.fromkeys(("POST /tasks/{task_id}/priority", "POST /runs/{run_id}/rename"), 200)
DOCUMENT = document(API_HANDLERS, "")
SCOPES = {
    f"{method.upper()} {path.removeprefix(V1)}": operation["security"][0]["token"][0]
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}


@dataclass
class World:
    """A site with things that belong to the owner."""

    api: Api
    ids: dict[str, str]

    async def call(self, route: str, token: str | None) -> int:
        program = await self.api.client(token)
        return (await send(program, route, self.ids)).status_code


async def send(program: httpx.AsyncClient, route: str, ids: dict[str, str]) -> httpx.Response:
    method, path = route.split(" ")
    body = ROUTES[route][0]
    kinds: dict[type, str] = {str: "text/csv", bytes: FILE}
    kind = kinds.get(type(body))
    more: dict[str, Any] = {"content": body, "headers": {"Content-Type": kind}} if kind else {}
    if isinstance(body, dict):
        more = {"json": body}
    if path == "/events":  # HEAD asks the same of who may, and ends
        method = "HEAD"
    return await program.request(method, V1 + path.format(**ids), **more)


@pytest.fixture(scope="module")
async def made(
    servers: Servers, shared_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[World, Callable[[], Awaitable[None]]]]:
    """Once, with the way to have it as it was."""
    settings = settings_of(servers, tmp_path_factory.mktemp("access"))
    await empty(shared_database)
    redis = Redis.from_url(servers.redis_url)
    async with api_of(settings, shared_database, redis) as api:
        world = await made_world(api)
        async with kept(shared_database) as put_back:
            yield world, put_back
    await redis.aclose()


@pytest.fixture
async def world(made: tuple[World, Callable[[], Awaitable[None]]]) -> World:
    world, put_back = made
    await put_back()
    return world


async def made_world(api: Api) -> World:
    program = await api.program(OWNER)
    asked = await put_question(api.database, api.settings)
    run = await program.post(f"{V1}/runs", json={"name": "r", "tasks": [TASK]})
    posting = await program.post(
        f"{V1}/postings", json={"title": "t", "company": "c", "url": "https://harrow.example/1"}
    )
    csv = "title,company,url\nt,c,https://harrow.example/3\n"
    waiting = await program.post(f"{V1}/postings/imports", content=csv, headers={"Content-Type": "text/csv"})
    schedule = await program.post(f"{V1}/schedules", json=SCHEDULE)
    task = await make_task(program)
    ids = {"task_id": str(task), "run_id": run.json()["id"], "posting_id": posting.json()["id"]}
    ids["import_id"] = waiting.json()["id"]
    gone = await program.post(f"{V1}/postings", json={"title": "t", "company": "c", "url": "https://harrow.example/2"})
    await program.post(f"{V1}/postings/applied", json={"postings": [gone.json()["id"]]})
    [application] = (await program.get(f"{V1}/applications")).json()["items"]
    ids["application_id"] = application["id"]
    ids |= {"schedule_id": schedule.json()["id"], "kind": "sample.task", "name": "default"}
    view = await program.post(f"{V1}/tasks/views", json={"name": "All"})
    ids |= {"view_id": view.json()["id"], "artifact_id": await keep_file(api, task), "key": "0" * 64}
    ids |= dict.fromkeys(("file_id", "erasure_id"), str(UUID(int=1)))
    await program.post(f"{V1}/account/resume", content=b"A gardener.", headers={"Content-Type": FILE})
    ids["resume_id"] = (await program.get(f"{V1}/account/resumes")).json()["items"][0]["id"]
    webhook = await program.post(f"{V1}/webhooks", json=WEBHOOK)
    alarm = await program.post(f"{V1}/alarms", json=ALARM)
    ids |= {"alarm_id": alarm.json()["id"], "error": "0" * 12}
    action = await program.post(f"{V1}/bulk", json={**BULK, "expected": 1000})
    async with api.database.write("system") as session:
        day = datetime(2099, 1, 1, tzinfo=UTC)
        owner = (await api.person(OWNER)).id
        ids["absence_id"] = str(await absences.add_absence(session, owner, day, day + timedelta(days=1)))
        ids["group"] = await groups.create_group(session, "security", members=[OWNER])
    ids |= {"endpoint_id": webhook.json()["id"], "action_id": action.json()["id"]}
    ids |= {"user_id": str((await api.person("third@example.org")).id)} | await signed_in(api, OWNER)
    return World(api, {**ids, "approval_id": str(asked.approval_id)})


def test_every_route_is_in_the_matrix() -> None:
    assert set(ROUTES) == set(SCOPES)


async def test_who_may_read(world: World) -> None:
    """All of them in one world, since none changes it."""
    wrong = {}
    token = world.api.token
    without = {scope: await token(OWNER, [one for one in USUAL if one != scope]) for scope in Scope}
    member, plain_admin = await token(OTHER), await token(ADMIN, admin=True)
    own, whole = await token(OWNER), await token(ADMIN, ALL)
    for route, (_, owner, other, admin) in ROUTES.items():
        if route.startswith("GET "):
            callers = {
                "nobody": (None, 401),
                "a token without the scope": (without[Scope(SCOPES[route])], 403),
                "another member": (member, other),
                "an administrator's token without the right": (plain_admin, other),
                "the owner": (own, owner),
                "an administrator": (whole, admin),
            }
            for caller, (used, wanted) in callers.items():
                if (found := await world.call(route, used)) != wanted:
                    wrong[f"{route} by {caller}"] = (found, wanted)
    assert wrong == {}


@pytest.mark.parametrize("route", [route for route in ROUTES if not route.startswith("GET ")])
async def test_who_may(route: str, world: World) -> None:
    _, owner, other, admin = ROUTES[route]
    wanted = Scope(SCOPES[route])
    assert await world.call(route, None) == 401
    without = await world.api.token(OWNER, [scope for scope in USUAL if scope != wanted])
    assert await world.call(route, without) == 403
    rights = USUAL if wanted in ALL else (wanted,)
    assert await world.call(route, await world.api.token(OTHER, rights)) == other
    plain_admin = await world.api.token(ADMIN, rights, admin=True)
    assert await world.call(route, plain_admin) == other
    if owner == admin == 200 and "{" in route:
        assert await world.call(route, await world.api.token(ADMIN, ALL)) == admin
        assert await world.call(route, await world.api.token(OWNER)) == AGAIN.get(route, 409)  # it has been done
    else:
        assert await world.call(route, await world.api.token(OWNER, rights)) == owner
        assert await world.call(route, await world.api.token(ADMIN, ALL)) == admin


async def test_lists_show_only_ones_own(world: World) -> None:
    other = await world.api.program(OTHER)
    for path in ("/tasks", "/runs", "/approvals", "/postings", "/schedules", "/bulk"):
        assert (await other.get(V1 + path)).json() == {"items": [], "next_cursor": None, "total": 0}
    assert (await other.get(f"{V1}/webhooks")).json() == {"items": []}
    assert (await other.get(f"{V1}/account/sessions")).json() == {"items": []}
    [own] = (await other.get(f"{V1}/account/tokens")).json()["items"]
    assert own["id"] != world.ids["token_id"]
    assert (await other.get(f"{V1}/stats")).json()["states"] == {}
    whole = await world.api.program(ADMIN, ALL, admin=True)
    for path in ("/tasks", "/runs", "/approvals", "/postings", "/schedules", "/bulk", "/webhooks"):
        assert (await whole.get(V1 + path)).json()["items"], path
    counted = (
        "/tasks",
        "/runs",
        "/approvals",
        "/postings",
        "/schedules",
        "/bulk",
        "/users",
        "/groups",
        "/applications",
    )
    for path in (*counted, f"/webhooks/{world.ids['endpoint_id']}/deliveries"):
        found = (await whole.get(f"{V1}{path}?limit=200")).json()
        assert found["total"] == len(found["items"]), path
    errors = (await whole.get(f"{V1}/dead-letters")).json()
    assert errors["total"] == len(errors["items"])


async def test_nobody_puts_a_task_into_anothers_run(world: World) -> None:
    other = await world.api.program(OTHER)
    run_id = world.ids["run_id"]
    is_problem(await other.post(f"{V1}/tasks", json={**TASK, "run_id": run_id}), 404)
    is_problem(await other.post(f"{V1}/tasks/bulk", json={"tasks": [TASK, {**TASK, "run_id": run_id}]}), 404)
    assert (
        await world.api.sql("SELECT 1 FROM tasks t JOIN users u ON u.id = t.owner_id WHERE u.email = :e", e=OTHER) == []
    )


async def test_nobody_makes_holdgates_own_kinds_of_tasks(world: World) -> None:
    program = await world.api.program(OWNER)
    mail = {"kind": "email.send", "payload": {"template": "sign_in", "to": "x@example.org", "data": {}}}
    path = f"/runs/{world.ids['run_id']}/tasks"
    is_problem(await program.post(f"{V1}/tasks", json=mail), 422)
    is_problem(await program.post(f"{V1}/tasks/bulk", json={"tasks": [mail]}), 422)
    is_problem(await program.post(f"{V1}/runs", json={"name": "r", "tasks": [mail]}), 422)
    is_problem(await program.post(V1 + path, json={"tasks": [mail]}), 422)


async def test_the_description_and_its_page_are_open(settings: Settings, database: Database, redis: Redis) -> None:
    async with api_of(settings, database, redis) as api:
        stranger = await api.client()
        described = await stranger.get("/api/openapi.json")
        assert described.status_code == 200 and described.json()["openapi"] == "3.1.0"
        page = await stranger.get("/api/docs")
        assert page.status_code == 200
        for path in described.json()["paths"]:
            assert path in page.text
        links = set(re.findall(r'href="#(type-\w+)"', page.text))
        assert {"type-TaskItem", "type-NeedItem", "type-Times"} <= links
        assert links <= set(re.findall(r'id="(type-\w+)"', page.text))
