"""Bulk actions for programs: counting first, starting, following, stopping, continuing, taking back."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from litestar import Response

from holdgate.api.idempotency import MutationReply
from holdgate.api.paging import page, position
from holdgate.api.router import PATH
from holdgate.api.routes import get, post
from holdgate.api.signatures import Query
from holdgate.bulk import queries, service
from holdgate.bulk.errors import ActionNotFound
from holdgate.bulk.schemas import (
    BulkDetail,
    BulkMoved,
    BulkPage,
    BulkPreview,
    BulkQuery,
    BulkQuestion,
    BulkStarted,
    NewBulkAction,
    detail,
    item,
    task_filter,
)
from holdgate.bulk.states import BulkState
from holdgate.bulk.undoing import undo, undo_of
from holdgate.core.db import ReadSession, WriteSession
from holdgate.core.paging import Cursor
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.web.http.request import WebRequest

TAG = "Bulk actions"
EXAMPLE = {"verb": "prioritise", "filter": {"kind": "sample.task", "state": ["queued", "scheduled"]}}


@post(
    "/bulk/preview", scope=Scope.TASKS_READ, tag=TAG, summary="Count what a bulk action would change", example=EXAMPLE
)
async def preview_bulk(user: Principal, read: ReadSession, asked: BulkQuestion) -> BulkPreview:
    """Exactly, and changes nothing. 422 when counting takes too long, or the verb fits none of the filter's states."""
    found = await service.preview(read, user, asked.verb, task_filter(asked.filter))
    return BulkPreview(total=found.total, by_state=found.by_state, at=found.at)


@post(
    "/bulk",
    scope=Scope.TASKS_WRITE,
    tag=TAG,
    summary="Start a bulk action",
    example={**EXAMPLE, "priority": 500, "expected": 240},
    problems=(409,),
)
async def start_bulk(session: WriteSession, by: Principal, asked: NewBulkAction) -> MutationReply[BulkStarted]:
    """In chunks in the background. A retry with `canary` is a redrive; told to `stop` or `continue` like any other."""
    wanted = task_filter(asked.filter)
    made = await service.start_bulk(
        session,
        by,
        asked.verb,
        wanted,
        priority=asked.priority,
        note=asked.note,
        canary=asked.canary,
        expected=asked.expected,
        at=asked.at,
    )
    return await started(session, made)


async def started(session: WriteSession, action_id: UUID) -> MutationReply[BulkStarted]:
    """What is answered to whoever has started this action."""
    action = await queries.find_action(session, action_id, None)
    assert action is not None
    url = f"{PATH}/bulk/{action_id}"
    return MutationReply(BulkStarted(action_id, url, action.total), 201, url)


@get("/bulk", scope=Scope.TASKS_READ, tag=TAG, summary="List bulk actions")
async def list_bulk(
    request: WebRequest, user: Principal, read: ReadSession, wanted: Query[BulkQuery]
) -> Response[BulkPage]:
    """Newest first, each with how far it is."""
    rows = await queries.list_actions(read, user.scope, position(wanted), wanted.limit + 1)
    total = await queries.count_actions(read, user.scope)
    return page(request, BulkPage, rows, wanted, item, lambda row: Cursor(row.created_at, row.id), total)


@get("/bulk/{action_id:uuid}", scope=Scope.TASKS_READ, tag=TAG, summary="Read a bulk action")
async def get_bulk(user: Principal, read: ReadSession, action_id: UUID) -> BulkDetail:
    """How far it is, what has happened to it, and what `undo` would do."""
    action = await queries.find_action(read, action_id, user.scope)
    if action is None:
        raise ActionNotFound
    events = await queries.events_of(read, action_id)
    return detail(action, events, await undo_of(read, action))


@post(
    "/bulk/{action_id:uuid}/undo", scope=Scope.TASKS_WRITE, tag=TAG, summary="Take a bulk action back", problems=(409,)
)
async def undo_bulk(session: WriteSession, by: Principal, action_id: UUID) -> MutationReply[BulkStarted]:
    """By another one, as far as that goes: cancelled tasks are retried, a priority is what it was."""
    return await started(session, await undo(session, by, action_id))


def _verb(
    name: str, act: Callable[[WriteSession, Principal, UUID], Awaitable[None]], state: BulkState, summary: str
) -> Any:
    @post(
        f"/bulk/{{action_id:uuid}}/{name}",
        scope=Scope.TASKS_WRITE,
        tag=TAG,
        summary=summary,
        problems=(409,),
        name=f"{name}_bulk",
    )
    async def move(session: WriteSession, by: Principal, action_id: UUID) -> BulkMoved:
        await act(session, by, action_id)
        return BulkMoved(action_id, state)

    return move


handlers = [
    preview_bulk,
    start_bulk,
    list_bulk,
    get_bulk,
    undo_bulk,
    _verb("stop", service.stop, BulkState.STOPPED, "Stop a bulk action"),
    _verb("continue", service.go_on, BulkState.RUNNING, "Continue a paused redrive"),
]
