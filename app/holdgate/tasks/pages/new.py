"""A task by hand: a form made from the kind's schema, or its payload as JSON, and when and where it runs."""

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromQuery

from holdgate.core.errors import Invalid
from holdgate.core.principal import Principal
from holdgate.tasks import service
from holdgate.tasks.kinds import AnyKind, all_kinds
from holdgate.tasks.pages.payload_input import JSON_VIEW, PayloadEntry, asked_payload, blank_entry, entry_errors
from holdgate.tasks.search import lists
from holdgate.tasks.service import TaskRequest
from holdgate.tasks.states import DEFAULT_PRIORITY
from holdgate.web import zone
from holdgate.web.forms import Form, blank, read_form
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read, Write
from holdgate.web.render import render, see_other

OPTIONS = ("title", "queue", "priority", "run_at", "max_attempts", "deadline")


class NewTaskView(msgspec.Struct, frozen=True):
    """What the form sends beside the payload. Times are local to whoever fills it in."""

    kind: Annotated[str, msgspec.Meta(min_length=1)]
    title: Annotated[str, msgspec.Meta(max_length=300)] = ""
    priority: Annotated[int, msgspec.Meta(ge=0, le=1000)] = DEFAULT_PRIORITY
    queue: Annotated[str, msgspec.Meta(max_length=40)] = ""
    max_attempts: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    run_at: Annotated[str, msgspec.Meta(max_length=40)] = ""
    deadline: Annotated[str, msgspec.Meta(max_length=40)] = ""


class NewTaskPage(msgspec.Struct, frozen=True, kw_only=True):
    """`more`: whether one of the options is filled in, or wrong; `time_zone`: in which its times are."""

    form: Form[Any]
    kinds: list[AnyKind]
    kind: AnyKind
    entry: PayloadEntry
    form_url: str
    json_url: str
    more: bool
    time_zone: str


def kinds_to_choose() -> list[AnyKind]:
    return [kind for kind in all_kinds() if not kind.internal]


def _kind(name: str) -> AnyKind:
    """That one, or the first: a form cannot be without."""
    offered = kinds_to_choose()
    return next((kind for kind in offered if kind.name == name), offered[0])


def _page(
    request: WebRequest, user: Principal, form: Form[Any], kind: AnyKind, entry: PayloadEntry, copy: UUID | None = None
) -> NewTaskPage:
    usual = {"priority": str(DEFAULT_PRIORITY)}
    filled = any(str(form.value(name)) not in ("", usual.get(name, "")) for name in OPTIONS if name != "title")
    address = f"/tasks/new?{urlencode({'copy': copy} if copy else {'kind': kind.name})}"
    return NewTaskPage(
        form=form,
        kinds=kinds_to_choose(),
        kind=kind,
        entry=entry,
        form_url=address,
        json_url=f"{address}&view={JSON_VIEW}",
        more=filled or any(name in form.errors for name in OPTIONS),
        time_zone=str(zone.zone_of(user, request.cookies)),
    )


@get("/tasks/new")
async def new_task(
    request: WebRequest,
    user: SignedIn,
    read: Read,
    kind: FromQuery[str] = "sample.task",
    view: FromQuery[str] = "",
    copy: FromQuery[UUID | None] = None,
) -> Response[str]:
    """`copy`: the task whose payload and title it begins with."""
    like = await lists.find_task(read, copy, user.scope) if copy else None
    chosen = _kind(like.kind if like else kind)
    start = blank({"kind": chosen.name, "title": like.title if like else "", "priority": DEFAULT_PRIORITY})
    entry = blank_entry(chosen, as_json=view == JSON_VIEW, payload=like.payload if like else None)
    page = _page(request, user, start, chosen, entry, copy)
    return await render(request, "tasks/new.html", page, nav="tasks")


@post("/tasks")
async def create_task(request: WebRequest, user: SignedIn, write: Write) -> Response[Any]:
    form = await read_form(request, NewTaskView)
    kind = _kind(str(form.value("kind")))
    entry = await asked_payload(request, kind)
    errors = dict(form.errors)
    moments = {name: _moment(request, user, form, name, errors) for name in ("run_at", "deadline")}
    if form.data is not None and not errors and not entry.errors:
        try:
            task_id = await _submit(user, write, form.data, entry.payload, moments)
        except Invalid as problem:
            beside, entry = entry_errors(entry, problem)
            errors |= beside
        else:
            return see_other(request, f"/tasks/{task_id}", "Task queued. Updates appear here.")
    page = _page(request, user, Form(values=form.values, errors=errors), kind, entry)
    return await render(request, "tasks/new.html", page, nav="tasks", status=422)


def _moment(
    request: WebRequest, user: Principal, form: Form[NewTaskView], name: str, errors: dict[str, str]
) -> datetime | None:
    text = str(form.value(name))
    if not text:
        return None
    try:
        return zone.moment(text, zone.zone_of(user, request.cookies))
    except ValueError as problem:
        errors[name] = str(problem)
        return None


async def _submit(
    user: Principal, write: Write, wanted: NewTaskView, payload: dict[str, Any], moments: dict[str, datetime | None]
) -> UUID:
    request = TaskRequest(
        kind=wanted.kind,
        payload=payload,
        title=wanted.title,
        priority=wanted.priority,
        queue=wanted.queue or None,
        max_attempts=wanted.max_attempts,
        run_at=moments["run_at"],
        deadline=moments["deadline"],
    )
    return await service.submit(write, user, request)


handlers = [new_task, create_task]
