"""Pages of schedules: the list, one with its beats, and the form with a preview of the next beats."""

from datetime import datetime
from itertools import islice
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from holdgate.core.errors import Invalid, NotFound
from holdgate.core.paging import Cursor, paginate
from holdgate.core.text import zones
from holdgate.core.text.masking import masked
from holdgate.schedules import queries, service
from holdgate.schedules.cron import parse
from holdgate.schedules.errors import ScheduleNotFound
from holdgate.schedules.models import Schedule, ScheduleBeat, ScheduleEvent
from holdgate.schedules.plan import SchedulePlan
from holdgate.schedules.service import ScheduleVerb
from holdgate.tasks.kinds import AnyKind
from holdgate.tasks.pages.new import kinds_to_choose
from holdgate.tasks.pages.payload_input import read_payload
from holdgate.tasks.search import lists
from holdgate.tasks.states import DEFAULT_PRIORITY
from holdgate.web import zone
from holdgate.web.forms import Form, blank, read_form
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
    lines: list[ScheduleRow]
    pager: Pager


class ScheduleView(msgspec.Struct, frozen=True):
    line: ScheduleRow
    payload: Any
    upcoming: list[Beat]
    beats: list[tuple[ScheduleBeat, str, str | None]]
    events: list[ScheduleEvent]


class ScheduleForm(msgspec.Struct, frozen=True):
    """What the form sends."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    kind: Annotated[str, msgspec.Meta(min_length=1)]
    cron: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    zone: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    payload: Annotated[str, msgspec.Meta(max_length=100_000)] = "{}"
    missed: Literal["catch_up", "skip"] = "catch_up"
    priority: Annotated[int, msgspec.Meta(ge=0, le=1000)] = DEFAULT_PRIORITY
    queue: Annotated[str, msgspec.Meta(max_length=40)] = ""
    preview: str = ""


class FormPage(msgspec.Struct, frozen=True):
    """The form of a new schedule, or of `schedule`. `upcoming`: the next beats of what it says now."""

    form: Form[ScheduleForm]
    kinds: list[AnyKind]
    zones: tuple[str, ...]
    upcoming: list[Beat]
    action: str
    schedule: Schedule | None = None


def _beat(at: datetime, zone: str) -> Beat:
    return Beat(at, f"{at.astimezone(parse('0 0 * * *', zone).zone):%a %d %b %Y, %H:%M}")


def _upcoming(cron: Any, zone: Any, now: datetime) -> list[Beat]:
    try:
        beats = islice(parse(" ".join(str(cron).split()), str(zone)).after(now), PREVIEW)
    except Invalid:
        return []
    return [_beat(at, str(zone)) for at in beats]


def _line(schedule: Schedule, states: dict[UUID, str], now: datetime) -> ScheduleRow:
    problem = service.problem_of(schedule)
    paused, following = schedule.paused_at is not None, schedule.next_at
    shown = None if paused or following is None or not zones.is_zone(schedule.zone) else _beat(following, schedule.zone)
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
    view = ScheduleList([_line(row, states, now) for row in turned.rows], pager("/schedules", turned, cursor, back))
    return await render(request, "schedules/list.html", view, nav="schedules", fragment="schedules/_list.html")


@get("/schedules/{schedule_id:uuid}")
async def show_schedule(request: WebRequest, user: SignedIn, read: Read, schedule_id: FromPath[UUID]) -> Response[str]:
    schedule = await _found(read, user, schedule_id)
    beats = await queries.latest_beats(read, schedule_id)
    ids = [beat.task_id for beat in beats if beat.task_id]
    states = await lists.states_of(read, [*ids, *([schedule.last_task_id] if schedule.last_task_id else [])])
    now = await queries.time_of(read, None)
    view = ScheduleView(
        _line(schedule, states, now),
        masked(schedule.payload),
        [] if schedule.paused_at else _upcoming(schedule.cron, schedule.zone, now),
        [
            (beat, _beat(beat.beat_at, schedule.zone).wall, states.get(beat.task_id) if beat.task_id else None)
            for beat in beats
        ]
        if zones.is_zone(schedule.zone)
        else [],
        await queries.latest_events(read, schedule_id),
    )
    return await render(request, "schedules/detail.html", view, nav="schedules", fragment="schedules/_detail.html")


@get("/schedules/new")
async def new_schedule(
    request: WebRequest,
    user: SignedIn,
    read: Read,
    kind: FromQuery[str] = "sample.task",
    payload: FromQuery[str] = "{}",
) -> Response[str]:
    start = {
        "kind": kind,
        "payload": payload[:5000],
        "cron": "0 9 * * MON-FRI",
        "zone": zone.zone_of(user, request.cookies).key,
        "missed": "catch_up",
        "priority": DEFAULT_PRIORITY,
    }
    return await _form(request, blank(start), await queries.time_of(read, None), "/schedules")


@post("/schedules")
async def create_schedule(request: WebRequest, user: SignedIn, write: Write) -> Response[Any]:
    form = await read_form(request, ScheduleForm)
    now = await queries.time_of(write, None)
    if form.value("preview"):
        return await _form(request, Form(values=form.values, errors=_rhythm_errors(form)), now, "/schedules")
    if form.data is not None:
        try:
            schedule_id = await service.create(write, user, _plan(form.data))
        except Invalid as problem:
            form = form.refused(problem)
            form = msgspec.structs.replace(form, errors={**_rhythm_errors(form), **form.errors})
        else:
            return see_other(request, f"/schedules/{schedule_id}", "Schedule created.")
    return await _form(request, form, now, "/schedules", status=422)


@get("/schedules/{schedule_id:uuid}/edit")
async def edit_schedule(request: WebRequest, user: SignedIn, read: Read, schedule_id: FromPath[UUID]) -> Response[str]:
    schedule = await _found(read, user, schedule_id)
    values = {name: getattr(schedule, name) for name in ("name", "kind", "cron", "zone", "missed", "priority")}
    payload = msgspec.json.format(msgspec.json.encode(masked(schedule.payload)), indent=2).decode()
    form = blank({**values, "payload": payload, "queue": schedule.queue or ""})
    return await _form(request, form, await queries.time_of(read, None), f"/schedules/{schedule_id}/edit", schedule)


@post("/schedules/{schedule_id:uuid}/edit")
async def change_schedule(
    request: WebRequest, user: SignedIn, write: Write, schedule_id: FromPath[UUID]
) -> Response[Any]:
    form = await read_form(request, ScheduleForm)
    now = await queries.time_of(write, None)
    schedule = await _found(write, user, schedule_id)
    action = f"/schedules/{schedule_id}/edit"
    if form.value("preview"):
        form = Form(values=form.values, errors=_rhythm_errors(form))
        return await _form(request, form, now, action, schedule)
    if form.data is not None:
        try:
            await service.edit(write, user, schedule_id, _plan(form.data))
        except Invalid as problem:
            form = form.refused(problem)
            form = msgspec.structs.replace(form, errors={**_rhythm_errors(form), **form.errors})
        else:
            return see_other(request, f"/schedules/{schedule_id}", "The schedule was changed.")
    return await _form(request, form, now, action, schedule, status=422)


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


async def _found(session: Any, user: SignedIn, schedule_id: UUID) -> Schedule:
    schedule = await queries.find_schedule(session, schedule_id, user.scope)
    if schedule is None:
        raise ScheduleNotFound
    return schedule


def _plan(wanted: ScheduleForm) -> SchedulePlan:
    return SchedulePlan(
        name=wanted.name,
        kind=wanted.kind,
        payload=read_payload(wanted.payload),
        cron=wanted.cron,
        zone=wanted.zone,
        queue=wanted.queue or None,
        priority=wanted.priority,
        missed=wanted.missed,
    )


def _rhythm_errors(form: Form[ScheduleForm]) -> dict[str, str]:
    """What is wrong about when it beats: all that a preview is about."""
    try:
        parse(" ".join(str(form.value("cron")).split()), str(form.value("zone")))
    except Invalid as problem:
        return problem.fields
    return {}


async def _form(
    request: WebRequest,
    form: Form[ScheduleForm],
    now: datetime,
    action: str,
    schedule: Schedule | None = None,
    *,
    status: int = 200,
) -> Response[str]:
    upcoming = _upcoming(form.value("cron"), form.value("zone"), now)
    view = FormPage(form, kinds_to_choose(), zones.names(), upcoming, action, schedule)
    return await render(request, "schedules/form.html", view, nav="schedules", status=status)


handlers = [
    show_schedules,
    new_schedule,
    create_schedule,
    show_schedule,
    edit_schedule,
    change_schedule,
    act_on_schedule,
]
