"""The form of a schedule: when it runs, with a preview, and the payload by the fields of its kind or as JSON."""

from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from holdgate.core.errors import Invalid
from holdgate.core.text import zones
from holdgate.schedules import queries, service
from holdgate.schedules.cron import parse
from holdgate.schedules.models import Schedule
from holdgate.schedules.plan import SchedulePlan
from holdgate.schedules.views import Beat, found, upcoming
from holdgate.tasks.kinds import AnyKind
from holdgate.tasks.pages.new import kinds_to_choose
from holdgate.tasks.pages.payload_input import (
    JSON_FIELD,
    JSON_VIEW,
    PayloadEntry,
    asked_payload,
    blank_entry,
    entry_errors,
    json_entry,
    read_payload,
)
from holdgate.tasks.states import DEFAULT_PRIORITY
from holdgate.web import zone
from holdgate.web.forms import Form, blank, read_form
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read, Write
from holdgate.web.render import render, see_other

NEW = "/schedules"
FIELDS = ("name", "kind", "cron", "zone", "missed", "priority")


class ScheduleForm(msgspec.Struct, frozen=True):
    """What the form sends beside the payload."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    kind: Annotated[str, msgspec.Meta(min_length=1)]
    cron: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    zone: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    missed: Literal["catch_up", "skip"] = "catch_up"
    priority: Annotated[int, msgspec.Meta(ge=0, le=1000)] = DEFAULT_PRIORITY
    queue: Annotated[str, msgspec.Meta(max_length=40)] = ""
    preview: str = ""


class FormPage(msgspec.Struct, frozen=True, kw_only=True):
    """The form of a new schedule, or of `schedule`. `upcoming`: the next beats of what it says now; `here`: where it
    is, to choose another kind there, or the payload as JSON."""

    form: Form[ScheduleForm]
    entry: PayloadEntry
    kinds: list[AnyKind]
    kind: AnyKind | None
    upcoming: list[Beat]
    here: str
    action: str
    schedule: Schedule | None = None
    zones: tuple[str, ...] = zones.names()

    @property
    def form_url(self) -> str:
        return f"{self.here}?{urlencode({'kind': self.form.value('kind')})}"

    @property
    def json_url(self) -> str:
        return f"{self.form_url}&view={JSON_VIEW}"


@get("/schedules/new")
async def new_schedule(
    request: WebRequest,
    user: SignedIn,
    read: Read,
    kind: FromQuery[str] = "sample.task",
    payload: FromQuery[str] = "",
    view: FromQuery[str] = "",
) -> Response[str]:
    start = {
        "kind": kind,
        "cron": "0 9 * * MON-FRI",
        "zone": zone.zone_of(user, request.cookies).key,
        "missed": "catch_up",
        "priority": DEFAULT_PRIORITY,
    }
    entry = _entry(kind, {}, as_json=view == JSON_VIEW)
    if payload:  # of a task that is to become a schedule
        entry = json_entry(entry, payload[:5000])
    return await _form(request, blank(start), entry, await queries.time_of(read, None))


@post("/schedules")
async def create_schedule(request: WebRequest, user: SignedIn, write: Write) -> Response[Any]:
    form = await read_form(request, ScheduleForm)
    entry = await _asked(request, form)
    now = await queries.time_of(write, None)
    if form.value("preview"):
        return await _form(request, Form(values=form.values, errors=_rhythm_errors(form)), entry, now)
    if form.data is not None and not entry.errors:
        try:
            schedule_id = await service.create(write, user, _plan(form.data, entry))
        except Invalid as problem:
            form, entry = _refused(form, entry, problem)
        else:
            return see_other(request, f"/schedules/{schedule_id}", "Schedule created.")
    return await _form(request, _with_rhythm(form), entry, now, status=422)


@get("/schedules/{schedule_id:uuid}/edit")
async def edit_schedule(
    request: WebRequest,
    user: SignedIn,
    read: Read,
    schedule_id: FromPath[UUID],
    kind: FromQuery[str] = "",
    view: FromQuery[str] = "",
) -> Response[str]:
    schedule = await found(read, user, schedule_id)
    values = {name: getattr(schedule, name) for name in FIELDS}
    chosen = kind or schedule.kind
    form = blank({**values, "kind": chosen, "queue": schedule.queue or ""})
    # What was meant for one kind is nothing to another.
    entry = _entry(chosen, schedule.payload if chosen == schedule.kind else {}, as_json=view == JSON_VIEW)
    return await _form(request, form, entry, await queries.time_of(read, None), schedule)


@post("/schedules/{schedule_id:uuid}/edit")
async def change_schedule(
    request: WebRequest, user: SignedIn, write: Write, schedule_id: FromPath[UUID]
) -> Response[Any]:
    form = await read_form(request, ScheduleForm)
    now = await queries.time_of(write, None)
    schedule = await found(write, user, schedule_id)
    entry = await _asked(request, form, schedule)
    if form.value("preview"):
        form = Form(values=form.values, errors=_rhythm_errors(form))
        return await _form(request, form, entry, now, schedule)
    if form.data is not None and not entry.errors:
        try:
            await service.edit(write, user, schedule_id, _plan(form.data, entry))
        except Invalid as problem:
            form, entry = _refused(form, entry, problem)
        else:
            return see_other(request, f"/schedules/{schedule_id}", "The schedule was changed.")
    return await _form(request, _with_rhythm(form), entry, now, schedule, status=422)


def _kind(name: str) -> AnyKind | None:
    return next((kind for kind in kinds_to_choose() if kind.name == name), None)


def _entry(kind: str, payload: dict[str, Any], *, as_json: bool) -> PayloadEntry:
    known = _kind(kind)
    if known is None:
        return json_entry(PayloadEntry(fields=(), as_json=True), payload)
    return blank_entry(known, as_json=as_json, payload=payload)


async def _asked(request: WebRequest, form: Form[ScheduleForm], schedule: Schedule | None = None) -> PayloadEntry:
    kind = _kind(str(form.value("kind")))
    if kind is not None:
        old = schedule.payload if schedule is not None and schedule.kind == kind.name else None
        return await asked_payload(request, kind, old)
    text = (await request.form()).get(JSON_FIELD, "")
    entry = json_entry(PayloadEntry(fields=(), as_json=True), text if isinstance(text, str) else "")
    try:
        return msgspec.structs.replace(entry, payload=read_payload(entry.value(JSON_FIELD)))
    except Invalid as problem:
        return msgspec.structs.replace(entry, errors=problem.fields)


def _refused(
    form: Form[ScheduleForm], entry: PayloadEntry, problem: Invalid
) -> tuple[Form[ScheduleForm], PayloadEntry]:
    beside, entry = entry_errors(entry, problem)
    return Form(values=form.values, errors=beside), entry


def _plan(wanted: ScheduleForm, entry: PayloadEntry) -> SchedulePlan:
    return SchedulePlan(
        name=wanted.name,
        kind=wanted.kind,
        payload=entry.payload,
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


def _with_rhythm(form: Form[ScheduleForm]) -> Form[ScheduleForm]:
    return Form(values=form.values, errors={**_rhythm_errors(form), **form.errors})


async def _form(
    request: WebRequest,
    form: Form[ScheduleForm],
    entry: PayloadEntry,
    now: datetime,
    schedule: Schedule | None = None,
    *,
    status: int = 200,
) -> Response[str]:
    here = f"/schedules/{schedule.id}/edit" if schedule else "/schedules/new"
    view = FormPage(
        form=form,
        entry=entry,
        kinds=kinds_to_choose(),
        kind=_kind(str(form.value("kind"))),
        upcoming=upcoming(form.value("cron"), form.value("zone"), now),
        here=here,
        action=here if schedule else NEW,
        schedule=schedule,
    )
    return await render(request, "schedules/form.html", view, nav="schedules", status=status)


handlers = [new_schedule, create_schedule, edit_schedule, change_schedule]
