"""Schedules for programs: listing, reading, making, changing, and the verbs."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response
from litestar.params import FromPath

from holdgate.api.bodies import read_query
from holdgate.api.endpoints import JSON, endpoint
from holdgate.api.idempotency import MutationReply
from holdgate.api.mutations import change
from holdgate.api.paging import page, position
from holdgate.api.router import PATH
from holdgate.core.db import WriteSession
from holdgate.core.paging import Cursor
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.schedules import queries, service
from holdgate.schedules.errors import ScheduleNotFound
from holdgate.schedules.schemas import (
    CreatedSchedule,
    NewSchedule,
    ScheduleActed,
    ScheduleItem,
    SchedulePage,
    ScheduleQuery,
    item,
    plan,
)
from holdgate.schedules.service import ScheduleVerb
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read

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


@change(
    "/schedules",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Add a schedule",
    answers={201: CreatedSchedule, 200: CreatedSchedule},
    body=NewSchedule,
    example=EXAMPLE,
)
async def create_schedule(session: WriteSession, by: Principal, wanted: NewSchedule) -> MutationReply:
    """Its first beat is the next after now."""
    made = await service.create(session, by, plan(wanted))
    url = f"{PATH}/schedules/{made}"
    return MutationReply(CreatedSchedule(made, url), 201, url)


@change(
    "/schedules/{schedule_id:uuid}",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Change a schedule",
    answers={200: ScheduleActed},
    body=NewSchedule,
    example=EXAMPLE,
)
async def change_schedule(
    session: WriteSession, by: Principal, wanted: NewSchedule, schedule_id: UUID
) -> ScheduleActed:
    """All of it, as it is to be. Another rhythm begins anew with its next beat. A secret of the payload that is left
    `[hidden]`, as it is shown, stays what it was, as long as every address in it leads to the same server."""
    await service.edit(session, by, schedule_id, plan(wanted))
    return ScheduleActed(schedule_id, None)


def _verb(verb: ScheduleVerb, summary: str) -> Any:
    @change(
        f"/schedules/{{schedule_id:uuid}}/{verb.value}",
        scope=Scope.TASKS_WRITE,
        tag=TAG,
        summary=summary,
        answers={200: ScheduleActed},
        name=f"{verb.value}_schedule",
    )
    async def act(session: WriteSession, by: Principal, schedule_id: UUID) -> ScheduleActed:
        return ScheduleActed(schedule_id, await service.act(session, by, schedule_id, verb))

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
