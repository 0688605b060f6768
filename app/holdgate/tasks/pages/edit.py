"""Retrying a dead letter or a cancelled task with another payload: the form, what is refused, and doing it."""

from typing import Any, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery

from holdgate.core.db import Session
from holdgate.core.errors import Conflict, Invalid
from holdgate.core.principal import Principal
from holdgate.tasks import service
from holdgate.tasks.errors import IllegalMove
from holdgate.tasks.kinds import AnyKind, find_kind
from holdgate.tasks.models import Task, TaskStep
from holdgate.tasks.pages.detail import SHOWS
from holdgate.tasks.pages.payload_input import JSON_VIEW, PayloadEntry, asked_payload, blank_entry, entry_errors
from holdgate.tasks.search import lists
from holdgate.tasks.states import TASK_MACHINE, TaskState, TaskVerb
from holdgate.web.forms import Form, blank, read_form
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read, Write, discard
from holdgate.web.render import render, see_other

AGAIN = {"true": True, "false": False}


class Again(msgspec.Struct, frozen=True):
    """`again`: whether the finished steps shall run once more; nothing is chosen at first."""

    again: Literal["", "true", "false"] = ""


class EditPage(msgspec.Struct, frozen=True, kw_only=True):
    task: Task
    kind: AnyKind
    form: Form[Any]
    entry: PayloadEntry
    steps: list[TaskStep]
    form_url: str
    json_url: str


async def _task(session: Session, user: Principal, task_id: UUID) -> tuple[Task, AnyKind]:
    """Raises TaskNotFound, IllegalMove, Conflict, UnknownKind."""
    task = await lists.find_task(session, task_id, user.scope)
    if not TASK_MACHINE.allows(TaskVerb.RETRY, TaskState(task.state)):
        raise IllegalMove(TaskVerb.RETRY, TaskState(task.state))
    kind = find_kind(task.kind)
    if kind.internal:
        raise Conflict(f"The payload of {kind.name} is made by Holdgate itself. Retry it as it is.")
    return task, kind


async def _page(session: Session, task: Task, kind: AnyKind, entry: PayloadEntry, form: Form[Any]) -> EditPage:
    address = f"/tasks/{task.id}/edit"
    return EditPage(
        task=task,
        kind=kind,
        form=form,
        entry=entry,
        steps=await lists.steps_of(session, task.id),
        form_url=address,
        json_url=f"{address}?view={JSON_VIEW}",
    )


@get("/tasks/{task_id:uuid}/edit")
async def show_edit(
    request: WebRequest, user: SignedIn, read: Read, task_id: FromPath[UUID], view: FromQuery[str] = ""
) -> Response[str]:
    task, kind = await _task(read, user, task_id)
    entry = blank_entry(kind, as_json=view == JSON_VIEW, payload=task.payload)
    return await render(request, "tasks/edit.html", await _page(read, task, kind, entry, blank()), nav="tasks")


@post("/tasks/{task_id:uuid}/edit")
async def retry_with_edited(
    request: WebRequest, user: SignedIn, write: Write, task_id: FromPath[UUID]
) -> Response[Any]:
    task, kind = await _task(write, user, task_id)
    form = await read_form(request, Again)
    entry = await asked_payload(request, kind, task.payload)
    beside: dict[str, str] = {}
    if not entry.errors:
        try:
            again = AGAIN.get(form.data.again if form.data else "")
            await service.retry_edited(write, user, task_id, entry.payload, again=again)
        except Invalid as problem:
            beside, entry = entry_errors(entry, problem)
        else:
            said = f"Task requeued with the edited payload. {SHOWS}"
            return see_other(request, f"/tasks/{task_id}", said, level="info")
    await discard(request)
    page = await _page(write, task, kind, entry, Form(values=form.values, errors=beside))
    return await render(request, "tasks/edit.html", page, nav="tasks", status=422)


handlers = [show_edit, retry_with_edited]
