"""POST /api/v1/_testing/dequeue: a task as a worker would get it, for tests of other programs, in development only."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, post
from litestar.handlers import HTTPRouteHandler

from holdgate.api.bodies import read_json
from holdgate.api.endpoints import JSON
from holdgate.core.config import Settings
from holdgate.core.errors import NotFound
from holdgate.core.ids import uuid7
from holdgate.tasks.kinds import all_kinds
from holdgate.tasks.queue import limits
from holdgate.web.http.guards import SignedIn, admin_only
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Write


class Dequeue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of this queue, and of this kind only, when one is named."""

    queue: Annotated[str, msgspec.Meta(max_length=40)] = "default"
    kind: Annotated[str, msgspec.Meta(max_length=200)] | None = None


class DequeuedTask(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    attempt: int
    kind: str
    queue: str
    title: str
    payload: msgspec.Raw


class Dequeued(msgspec.Struct, frozen=True):
    """The first that is ready, null for none. Without a worker it is taken back when its lease runs out."""

    task: DequeuedTask | None


@post("/_testing/dequeue", include_in_schema=False, guards=[admin_only], status_code=200)
async def dequeue(request: WebRequest, user: SignedIn, write: Write) -> Response[Any]:
    settings: Settings = request.app.state.settings
    if not settings.development:
        raise NotFound("This is there in development only.")
    wanted = await read_json(request, Dequeue)
    kinds = [kind.name for kind in all_kinds()] if wanted.kind is None else [wanted.kind]
    claim = await limits.claim(write, queue=wanted.queue, kinds=kinds, worker=uuid7(), limit=1, lease=settings.lease)
    found = [
        DequeuedTask(
            id=task.id,
            attempt=task.attempt,
            kind=task.kind,
            queue=task.queue,
            title=task.title,
            payload=msgspec.Raw(task.payload.encode()),
        )
        for task in claim.tasks
    ]
    return Response(Dequeued(found[0] if found else None), media_type=JSON)


handlers: list[HTTPRouteHandler] = [dequeue]
