"""What a person does with one task beside retrying, resuming and cancelling it: start it now, once more, earlier."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, post
from litestar.params import FromPath

from holdgate.core.errors import Invalid
from holdgate.tasks import service
from holdgate.web.forms import read_form
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Write
from holdgate.web.render import see_other


class PriorityForm(msgspec.Struct, frozen=True):
    priority: Annotated[int, msgspec.Meta(ge=0, le=1000)]


@post("/tasks/{task_id:uuid}/run-now")
async def run_now(request: WebRequest, user: SignedIn, write: Write, task_id: FromPath[UUID]) -> Response[Any]:
    await service.run_now(write, user, task_id)
    return see_other(request, f"/tasks/{task_id}", "Task queued. Updates appear here.", level="info")


@post("/tasks/{task_id:uuid}/run-again")
async def run_again(request: WebRequest, user: SignedIn, write: Write, task_id: FromPath[UUID]) -> Response[Any]:
    made = await service.run_again(write, user, task_id)
    return see_other(request, f"/tasks/{made}", "New task queued with the same payload.")


@post("/tasks/{task_id:uuid}/priority")
async def prioritise(request: WebRequest, user: SignedIn, write: Write, task_id: FromPath[UUID]) -> Response[Any]:
    form = await read_form(request, PriorityForm)
    if form.data is None:
        raise Invalid("Enter a priority from 0 to 1000.", dict(form.errors))
    await service.prioritise(write, user, task_id, form.data.priority)
    return see_other(request, f"/tasks/{task_id}", f"Priority changed to {form.data.priority}.")


handlers = [run_now, run_again, prioritise]
