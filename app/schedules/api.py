"""Schedules for programs: listing, reading, making, changing, and the verbs."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response
from litestar.params import FromPath

from app.api.access import Scope
from app.api.bodies import read_json, read_query
from app.api.endpoints import JSON, endpoint
from app.api.idempotency import Reply, once
from app.api.paging import page, position
from app.api.router import PATH
from app.core.db import WriteSession
from app.core.paging import Cursor
from app.schedules import queries, service
from app.schedules.errors import ScheduleNotFound
from app.schedules.schemas import (
    CreatedSchedule,
    NewSchedule,
    ScheduleActed,
    ScheduleItem,
    SchedulePage,
    ScheduleQuery,
    item,
    plan,
)
from app.schedules.service import ScheduleVerb
from app.web.guards import SignedIn
from app.web.request import WebRequest
from app.web.sessions import Read

TAG = "Schedules"
EXAMPLE = {
    "name": "Every morning",
    "kind": "sample.task",
    "payload": {},
    "cron": "0 9 * * MON-FRI",
    "zone": "Europe/Berlin",
}


@endpoint(
    "GET",
    "/schedules",
    scope=Scope.TASKS_READ,
    tag=TAG,
    summary="List schedules",
    answers={200: SchedulePage},
    query=ScheduleQuery,
)
async def list_schedules(request: WebRequest, user: SignedIn, read: Read) -> Response[Any]:
    """Newest first."""
    wanted = read_query(request, ScheduleQuery)
    rows = await queries.list_schedules(read, user.scope, position(wanted), wanted.limit + 1)
    return page(request, SchedulePage, rows, wanted, item, lambda row: Cursor(row.created_at, row.id))


@endpoint(
    "GET",
    "/schedules/{schedule_id:uuid}",
    scope=Scope.TASKS_READ,
    tag=TAG,
    summary="Read a schedule",
    answers={200: ScheduleItem},
)
async def get_schedule(user: SignedIn, read: Read, schedule_id: FromPath[UUID]) -> Response[Any]:
    found = await queries.find_schedule(read, schedule_id, user.scope)
    if found is None:
        raise ScheduleNotFound
    return Response(msgspec.json.encode(item(found)), media_type=JSON)


@endpoint(
    "POST",
    "/schedules",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Add a schedule",
    answers={201: CreatedSchedule, 200: CreatedSchedule},
    body=NewSchedule,
    example=EXAMPLE,
    once=True,
)
async def create_schedule(request: WebRequest, user: SignedIn) -> Response[Any]:
    """Its first beat is the next after now."""
    wanted = await read_json(request, NewSchedule)

    async def work(session: WriteSession) -> Reply:
        made = await service.create(session, user, plan(wanted))
        url = f"{PATH}/schedules/{made}"
        return Reply(CreatedSchedule(made, url), 201, url)

    return await once(request, user, work)


@endpoint(
    "POST",
    "/schedules/{schedule_id:uuid}",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Change a schedule",
    answers={200: ScheduleActed},
    body=NewSchedule,
    example=EXAMPLE,
    once=True,
)
async def change_schedule(request: WebRequest, user: SignedIn, schedule_id: FromPath[UUID]) -> Response[Any]:
    """All of it, as it is to be. Another rhythm begins anew with its next beat."""
    wanted = await read_json(request, NewSchedule)

    async def work(session: WriteSession) -> Reply:
        await service.edit(session, user, schedule_id, plan(wanted))
        return Reply(ScheduleActed(schedule_id, None))

    return await once(request, user, work)


def _verb(verb: ScheduleVerb, summary: str) -> Any:
    @endpoint(
        "POST",
        f"/schedules/{{schedule_id:uuid}}/{verb.value}",
        scope=Scope.TASKS_WRITE,
        tag=TAG,
        summary=summary,
        answers={200: ScheduleActed},
        once=True,
    )
    async def act(request: WebRequest, user: SignedIn, schedule_id: FromPath[UUID]) -> Response[Any]:
        async def work(session: WriteSession) -> Reply:
            return Reply(ScheduleActed(schedule_id, await service.act(session, user, schedule_id, verb)))

        return await once(request, user, work)

    act.opt["name"] = f"{verb.value}_schedule"
    return act


handlers = [
    list_schedules,
    get_schedule,
    create_schedule,
    change_schedule,
    _verb(ScheduleVerb.PAUSE, "Pause a schedule"),
    _verb(ScheduleVerb.RESUME, "Resume a paused schedule"),
    _verb(ScheduleVerb.RUN, "Enqueue a schedule's task now"),
    _verb(ScheduleVerb.DELETE, "Delete a schedule"),
]
