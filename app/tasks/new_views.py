"""A task by hand: the kind, its payload as JSON, where and how urgently."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromQuery

from app.core.errors import Invalid
from app.tasks import service
from app.tasks.kinds import Kind, all_kinds
from app.tasks.service import TaskRequest
from app.tasks.states import DEFAULT_PRIORITY
from app.web.forms import Form, blank, read_form
from app.web.guards import SignedIn
from app.web.render import render, see_other
from app.web.request import WebRequest
from app.web.sessions import Write


class NewTask(msgspec.Struct, frozen=True):
    """What the form sends."""

    kind: Annotated[str, msgspec.Meta(min_length=1)]
    payload: Annotated[str, msgspec.Meta(max_length=100_000)] = "{}"
    title: Annotated[str, msgspec.Meta(max_length=300)] = ""
    priority: Annotated[int, msgspec.Meta(ge=0, le=1000)] = DEFAULT_PRIORITY
    queue: Annotated[str, msgspec.Meta(max_length=40)] = ""


class NewTaskPage(msgspec.Struct, frozen=True):
    form: Form[NewTask]
    kinds: list[Kind]


def kinds_to_choose() -> list[Kind]:
    return [kind for kind in all_kinds() if not kind.internal]


def read_payload(text: str) -> dict[str, Any]:
    """The payload field's JSON object. Raises Invalid at the field `payload`."""
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise Invalid("The payload is not a JSON object.", {"payload": f"Not a JSON object: {error}."}) from error


def _page(form: Form[Any]) -> NewTaskPage:
    return NewTaskPage(form, kinds_to_choose())


@get("/tasks/new")
async def new_task(request: WebRequest, user: SignedIn, kind: FromQuery[str] = "sample.task") -> Response[str]:
    start = blank({"kind": kind, "payload": "{}", "priority": DEFAULT_PRIORITY})
    return await render(request, "tasks/new.html", _page(start), nav="tasks")


@post("/tasks")
async def create_task(request: WebRequest, user: SignedIn, write: Write) -> Response[Any]:
    form = await read_form(request, NewTask)
    if form.data is not None:
        try:
            task_id = await _submit(user, write, form.data)
        except Invalid as problem:
            form = form.refused(problem)
        else:
            return see_other(request, f"/tasks/{task_id}", "The task is in the queue.")
    return await render(request, "tasks/new.html", _page(form), nav="tasks", status=422)


async def _submit(user: SignedIn, write: Write, wanted: NewTask) -> UUID:
    request = TaskRequest(
        kind=wanted.kind,
        payload=read_payload(wanted.payload),
        title=wanted.title,
        priority=wanted.priority,
        queue=wanted.queue or None,
    )
    return await service.submit(write, user, request)


handlers = [new_task, create_task]
