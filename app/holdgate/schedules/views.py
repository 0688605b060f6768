"""Pages of schedules: the list, and one with its beats."""

from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from holdgate.accounts import service as accounts
from holdgate.core.errors import Invalid, NotFound
from holdgate.core.paging import Cursor, paginate
from holdgate.core.text import zones
from holdgate.core.text.masking import masked
from holdgate.schedules import queries, service
from holdgate.schedules.cron import parse
from holdgate.schedules.errors import ScheduleNotFound
from holdgate.schedules.models import Schedule, ScheduleBeat, ScheduleEvent
from holdgate.schedules.service import ScheduleVerb
from holdgate.tasks.search import lists
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read, Write
from holdgate.web.pager import Pager, pager
from holdgate.web.render import render, see_other

PREVIEW = 5


class Beat(msgspec.Struct, frozen=True):
    """A moment, and how the clock of the schedule's zone shows it."""

    at: datetime
    wall: str


class ScheduleRow(msgspec.Struct, frozen=True):
    """A schedule as it stands. `late`: its beat has come and gone, and nobody has taken it."""

    schedule: Schedule
    state: str
    next: Beat | None
    last_state: str | None
    problem: str | None
    late: bool


class ScheduleList(msgspec.Struct, frozen=True):
    """`owners`: their addresses by id, for who sees everybody's."""

    lines: list[ScheduleRow]
    pager: Pager
    owners: dict[UUID, str]


class ScheduleView(msgspec.Struct, frozen=True):
    line: ScheduleRow
    payload: Any
    upcoming: list[Beat]
    beats: list[tuple[ScheduleBeat, str, str | None]]
    events: list[ScheduleEvent]


def beat(at: datetime, zone: str) -> Beat:
    return Beat(at, f"{at.astimezone(parse('0 0 * * *', zone).zone):%a %d %b %Y, %H:%M}")


def upcoming(cron: Any, zone: Any, now: datetime) -> list[Beat]:
    try:
        beats = islice(parse(" ".join(str(cron).split()), str(zone)).after(now), PREVIEW)
    except Invalid:
        return []
    return [beat(at, str(zone)) for at in beats]


def _line(schedule: Schedule, states: dict[UUID, str], now: datetime) -> ScheduleRow:
    problem = service.problem_of(schedule)
    paused, following = schedule.paused_at is not None, schedule.next_at
    shown = None if paused or following is None or not zones.is_zone(schedule.zone) else beat(following, schedule.zone)
    return ScheduleRow(
        schedule,
        "paused" if paused else "dead_letter" if problem else "active",
        shown,
        states.get(schedule.last_task_id) if schedule.last_task_id else None,
        problem,
        shown is not None and shown.at < now - service.LATE,
    )


@get("/schedules")
async def show_schedules(
    request: WebRequest,
    user: SignedIn,
    read: Read,
    cursor: FromQuery[str | None] = None,
    back: FromQuery[str | None] = None,
) -> Response[str]:
    async def schedules(place: Cursor | None, limit: int, oldest: bool) -> list[Schedule]:
        return await queries.list_schedules(read, user.scope, place, limit, oldest=oldest)

    turned = await paginate(schedules, lambda row: Cursor(row.created_at, row.id), cursor, back)
    states = await lists.states_of(read, [row.last_task_id for row in turned.rows if row.last_task_id])
    now = await queries.time_of(read, None)
    owners = await accounts.emails_of(read, [row.owner_id for row in turned.rows]) if user.is_admin else {}
    lines = [_line(row, states, now) for row in turned.rows]
    view = ScheduleList(lines, pager("/schedules", turned, cursor, back), owners)
    return await render(request, "schedules/list.html", view, nav="schedules", fragment="schedules/_list.html")


@get("/schedules/{schedule_id:uuid}")
async def show_schedule(request: WebRequest, user: SignedIn, read: Read, schedule_id: FromPath[UUID]) -> Response[str]:
    schedule = await found(read, user, schedule_id)
    beats = await queries.latest_beats(read, schedule_id)
    ids = [each.task_id for each in beats if each.task_id]
    states = await lists.states_of(read, [*ids, *([schedule.last_task_id] if schedule.last_task_id else [])])
    now = await queries.time_of(read, None)
    view = ScheduleView(
        _line(schedule, states, now),
        masked(schedule.payload),
        [] if schedule.paused_at else upcoming(schedule.cron, schedule.zone, now),
        [
            (each, beat(each.beat_at, schedule.zone).wall, states.get(each.task_id) if each.task_id else None)
            for each in beats
        ]
        if zones.is_zone(schedule.zone)
        else [],
        await queries.latest_events(read, schedule_id),
    )
    return await render(request, "schedules/detail.html", view, nav="schedules", fragment="schedules/_detail.html")


SAID = {
    ScheduleVerb.PAUSE: "The schedule is paused.",
    ScheduleVerb.RESUME: "Schedule resumed.",
    ScheduleVerb.DELETE: "The schedule was deleted. Its tasks stay.",
}


@post("/schedules/{schedule_id:uuid}/{verb:str}")
async def act_on_schedule(
    request: WebRequest, user: SignedIn, write: Write, schedule_id: FromPath[UUID], verb: FromPath[str]
) -> Response[Any]:
    if verb not in set(ScheduleVerb):
        raise NotFound(f"Unknown action: {verb!r}.")
    chosen = ScheduleVerb(verb)
    task_id = await service.act(write, user, schedule_id, chosen)
    if task_id is not None:
        return see_other(request, f"/tasks/{task_id}", "Task queued. The schedule is unchanged.")
    return see_other(request, "/schedules", SAID[chosen])


async def found(session: Any, user: SignedIn, schedule_id: UUID) -> Schedule:
    schedule = await queries.find_schedule(session, schedule_id, user.scope)
    if schedule is None:
        raise ScheduleNotFound
    return schedule


handlers = [
    show_schedules,
    show_schedule,
    act_on_schedule,
]
