"""What programs change about one task: retry it with another payload, its priority, that a dead letter is resolved."""

from typing import Annotated, Any
from uuid import UUID

import msgspec

from holdgate.api.routes import post
from holdgate.core.db import WriteSession
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.tasks import service
from holdgate.tasks.payloads.secrets import with_secrets
from holdgate.tasks.schemas import Moved, Priority
from holdgate.tasks.search import lists

TAG = "Tasks"


class EditedRetry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The payload whole, as it is to be. A secret that is left `[hidden]`, as it is shown, stays what it was,
    as long as every address in the payload leads to the same server. `again`: whether its finished steps run once
    more, with the new payload, or keep their results; to be said when it has some. Approvals given before count no
    longer."""

    payload: dict[str, Any]
    again: bool | None = None


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


@post(
    "/tasks/{task_id:uuid}/edit",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Retry a task with another payload",
    problems=(409,),
    example={"payload": {"steps": 2}, "again": False},
)
async def edit_task(session: WriteSession, by: Principal, sent: EditedRetry, task_id: UUID) -> Moved:
    """A dead letter, or a cancelled task. The log says what was changed, secrets hidden."""
    task = await lists.find_task(session, task_id, by.scope)
    payload = with_secrets(sent.payload, task.payload)
    state = await service.retry_edited(session, by, task_id, payload, again=sent.again)
    return Moved(task_id, state)


@post(
    "/tasks/{task_id:uuid}/priority",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Set the priority of a task",
    problems=(409,),
    example={"priority": 200},
)
async def set_priority(session: WriteSession, by: Principal, sent: NewPriority, task_id: UUID) -> Prioritised:
    """Of one that has not ended. What is ready lines up behind its share at the new priority."""
    await service.prioritise(session, by, task_id, sent.priority)
    return Prioritised(task_id, sent.priority)


@post(
    "/tasks/{task_id:uuid}/resolve",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Mark a failed task resolved",
    problems=(409,),
    example={"note": "Sent by hand."},
)
async def resolve_task(session: WriteSession, by: Principal, sent: Resolution, task_id: UUID) -> Resolved:
    """It is listed as `resolved` from then on, and can still be retried."""
    await service.resolve(session, by, task_id, sent.note)
    return Resolved(task_id, sent.note)


handlers = [edit_task, set_priority, resolve_task]
