"""Schedules for programs: listing, reading, making, changing, and the verbs."""

from typing import Any
from uuid import UUID

from litestar import Response

from holdgate.api.idempotency import MutationReply
from holdgate.api.paging import page, position
from holdgate.api.router import PATH
from holdgate.api.routes import get, post
from holdgate.api.signatures import Query
from holdgate.core.db import ReadSession, WriteSession
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
from holdgate.web.http.request import WebRequest

TAG = "Schedules"
EXAMPLE = {
    "name": "Every morning",
    "kind": "sample.task",
    "payload": {},
    "cron": "0 9 * * MON-FRI",
    "zone": "Europe/Berlin",
}


@get("/schedules", scope=Scope.TASKS_READ, tag=TAG, summary="List schedules")
async def list_schedules(
    request: WebRequest, user: Principal, read: ReadSession, wanted: Query[ScheduleQuery]
) -> Response[SchedulePage]:
    """Newest first."""
    rows = await queries.list_schedules(read, user.scope, position(wanted), wanted.limit + 1)
    total = await queries.count_schedules(read, user.scope)
    return page(request, SchedulePage, rows, wanted, item, lambda row: Cursor(row.created_at, row.id), total)


@get("/schedules/{schedule_id:uuid}", scope=Scope.TASKS_READ, tag=TAG, summary="Read a schedule")
async def get_schedule(user: Principal, read: ReadSession, schedule_id: UUID) -> ScheduleItem:
    found = await queries.find_schedule(read, schedule_id, user.scope)
    if found is None:
        raise ScheduleNotFound
    return item(found)


@post("/schedules", scope=Scope.TASKS_WRITE, tag=TAG, summary="Add a schedule", example=EXAMPLE)
async def create_schedule(session: WriteSession, by: Principal, wanted: NewSchedule) -> MutationReply[CreatedSchedule]:
    """Its first run is the next after now."""
    made = await service.create(session, by, plan(wanted))
    url = f"{PATH}/schedules/{made}"
    return MutationReply(CreatedSchedule(made, url), 201, url)


@post("/schedules/{schedule_id:uuid}", scope=Scope.TASKS_WRITE, tag=TAG, summary="Change a schedule", example=EXAMPLE)
async def change_schedule(
    session: WriteSession, by: Principal, wanted: NewSchedule, schedule_id: UUID
) -> ScheduleActed:
    """All of it, as it is to be. Another rhythm begins anew with its next run. A secret of the payload that is left
    `[hidden]`, as it is shown, stays what it was, as long as every address in it leads to the same server."""
    await service.edit(session, by, schedule_id, plan(wanted))
    return ScheduleActed(schedule_id, None)


def _verb(verb: ScheduleVerb, summary: str) -> Any:
    @post(
        f"/schedules/{{schedule_id:uuid}}/{verb.value}",
        scope=Scope.TASKS_WRITE,
        tag=TAG,
        summary=summary,
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
