"""What programs change about one task: retry it with another payload, its priority, that a dead letter is resolved."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response
from litestar.params import FromPath

from app.api.access import Scope
from app.api.bodies import read_json
from app.api.endpoints import endpoint
from app.api.idempotency import Reply, once
from app.core.db import WriteSession
from app.core.errors import Invalid
from app.tasks import reads, service
from app.tasks.payload_forms import with_secrets
from app.tasks.schemas import Moved, Priority
from app.web.guards import SignedIn
from app.web.request import WebRequest

TAG = "Tasks"


class EditedRetry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The payload whole, as it is to be. A secret that is left `[hidden]`, as it is shown, stays what it was. `again`:
    its finished steps run once more, with the new payload; else they stay what they are."""

    payload: dict[str, Any]
    again: bool = False


class NewPriority(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    priority: Priority


class Prioritised(msgspec.Struct, frozen=True):
    id: UUID
    priority: int


class Resolution(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why it needs nothing more."""

    note: Annotated[str, msgspec.Meta(max_length=service.MOST_NOTE)] = ""


class Resolved(msgspec.Struct, frozen=True):
    id: UUID
    note: str


@endpoint(
    "POST",
    "/tasks/{task_id:uuid}/edit",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Retry a task with another payload",
    answers={200: Moved},
    problems=(409,),
    body=EditedRetry,
    example={"payload": {"steps": 2}, "again": False},
    once=True,
)
async def edit_task(request: WebRequest, user: SignedIn, task_id: FromPath[UUID]) -> Response[Any]:
    """A dead letter, or a cancelled task. The log says what was changed, secrets hidden."""
    sent = await read_json(request, EditedRetry)

    async def work(session: WriteSession) -> Reply:
        task = await reads.find_task(session, task_id, user.scope)
        try:
            payload = with_secrets(sent.payload, task.payload)
        except Invalid as problem:
            raise Invalid(str(problem), {"payload": str(problem)}) from problem
        state = await service.retry_edited(session, user, task_id, payload, again=sent.again)
        return Reply(Moved(task_id, state))

    return await once(request, user, work)


@endpoint(
    "POST",
    "/tasks/{task_id:uuid}/priority",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Set the priority of a task",
    answers={200: Prioritised},
    problems=(409,),
    body=NewPriority,
    example={"priority": 200},
    once=True,
)
async def set_priority(request: WebRequest, user: SignedIn, task_id: FromPath[UUID]) -> Response[Any]:
    """Of one that has not ended. What is ready lines up behind its share at the new priority."""
    sent = await read_json(request, NewPriority)

    async def work(session: WriteSession) -> Reply:
        await service.prioritise(session, user, task_id, sent.priority)
        return Reply(Prioritised(task_id, sent.priority))

    return await once(request, user, work)


@endpoint(
    "POST",
    "/tasks/{task_id:uuid}/resolve",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Mark a dead letter as resolved",
    answers={200: Resolved},
    problems=(409,),
    body=Resolution,
    example={"note": "Sent by hand."},
    once=True,
)
async def resolve_task(request: WebRequest, user: SignedIn, task_id: FromPath[UUID]) -> Response[Any]:
    """It is listed as `resolved` from then on, and can still be retried."""
    sent = await read_json(request, Resolution)

    async def work(session: WriteSession) -> Reply:
        await service.resolve(session, user, task_id, sent.note)
        return Reply(Resolved(task_id, sent.note))

    return await once(request, user, work)


handlers = [edit_task, set_priority, resolve_task]
