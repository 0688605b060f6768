"""Tasks for programs: listing, reading, waiting for one, and the verbs. Making them is in runs/api/tasks.py."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response
from litestar.params import FromPath

from holdgate.api.bodies import read_query
from holdgate.api.endpoints import JSON, endpoint
from holdgate.api.mutations import change
from holdgate.api.paging import page, position
from holdgate.core.db import Database, WriteSession
from holdgate.core.errors import Invalid
from holdgate.core.paging import Cursor
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.tasks import service
from holdgate.tasks.kinds import all_kinds
from holdgate.tasks.models import Task
from holdgate.tasks.schemas import (
    EventList,
    KindItem,
    KindList,
    Moved,
    TaskDetail,
    TaskPage,
    TaskQuery,
    WaitQuery,
    detail,
    event,
    item,
)
from holdgate.tasks.search import lists
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.search.parameters import parse_filter
from holdgate.tasks.states import TaskState, TaskVerb
from holdgate.tasks.streams.long_poll import LongPolls
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read

TAG = "Tasks"


@endpoint(
    "GET", "/tasks", scope=Scope.TASKS_READ, tag=TAG, summary="List tasks", answers={200: TaskPage}, query=TaskQuery
)
async def list_tasks(request: WebRequest, user: SignedIn, read: Read) -> Response[Any]:
    """Newest first unless `sort` says otherwise, without their payloads."""
    wanted = read_query(request, TaskQuery)
    rows = await lists.list_tasks(
        read,
        user.scope,
        asked_filter(request),
        position(wanted),
        wanted.limit + 1,
        oldest=wanted.sort == "oldest",
    )
    return page(request, TaskPage, rows, wanted, item, lambda task: Cursor(task.created_at, task.id))


def asked_filter(request: WebRequest) -> TaskFilter:
    """The filter in the address. Raises Invalid with the parameters that do not fit."""
    form = parse_filter(request.query_params.multi_items())
    if form.wanted is None:
        raise Invalid("Invalid filter.", {f"?{name}": sentence for name, sentence in form.errors.items()})
    return form.wanted


@endpoint(
    "GET",
    "/tasks/{task_id:uuid}",
    scope=Scope.TASKS_READ,
    tag=TAG,
    summary="Read a task",
    answers={200: TaskDetail},
    query=WaitQuery,
)
async def get_task(request: WebRequest, user: SignedIn, task_id: FromPath[UUID]) -> Response[Any]:
    """With `wait` the answer comes when the task has ended, or as it then is after so many seconds."""
    wanted = read_query(request, WaitQuery)
    task = await _find(request, user.scope, task_id)
    if wanted.wait and task.finished_at is None:  # without a connection meanwhile
        await _waiting(request).for_end(task_id, wanted.wait)
        task = await _find(request, user.scope, task_id)
    return Response(msgspec.json.encode(detail(task)), media_type=JSON)


async def _find(request: WebRequest, scope: UUID | None, task_id: UUID) -> Task:
    database: Database = request.app.state.database
    async with database.read_one() as session:
        return await lists.find_task(session, task_id, scope)


def _waiting(request: WebRequest) -> LongPolls:
    state = request.app.state
    if "waiting_tasks" not in state:
        state["waiting_tasks"] = LongPolls(state.database)
    found: LongPolls = state["waiting_tasks"]
    return found


@endpoint(
    "GET",
    "/tasks/{task_id:uuid}/events",
    scope=Scope.TASKS_READ,
    tag=TAG,
    summary="Read what has happened to a task",
    answers={200: EventList},
)
async def get_task_events(user: SignedIn, read: Read, task_id: FromPath[UUID]) -> Response[Any]:
    """The newest 500 changes of its state, oldest first."""
    await lists.find_task(read, task_id, user.scope)
    events = [event(row) for row in await lists.events_of(read, task_id)]
    return Response(msgspec.json.encode(EventList(events)), media_type=JSON)


def _verb(verb: TaskVerb, summary: str) -> Any:
    @change(
        f"/tasks/{{task_id:uuid}}/{verb.value}",
        scope=Scope.TASKS_WRITE,
        tag=TAG,
        summary=summary,
        answers={200: Moved},
        problems=(409,),
        name=f"{verb.value}_task",
    )
    async def act(session: WriteSession, by: Principal, task_id: UUID) -> Moved:
        return Moved(task_id, TaskState(await service.act(session, by, task_id, verb)))

    return act


@endpoint("GET", "/kinds", scope=Scope.TASKS_READ, tag="Catalogue", summary="List task kinds", answers={200: KindList})
async def list_kinds(user: SignedIn) -> Response[Any]:
    """Those that can be asked for, each with the JSON schema of its payload."""
    kinds = [
        KindItem(
            name=kind.name,
            about=kind.about,
            queue=kind.queue,
            max_attempts=kind.max_attempts,
            timeout=kind.timeout.total_seconds(),
            schema=kind.schema(),
        )
        for kind in all_kinds()
        if not kind.internal
    ]
    return Response(msgspec.json.encode(KindList(kinds)), media_type=JSON)


handlers = [
    list_tasks,
    get_task,
    get_task_events,
    _verb(TaskVerb.RETRY, "Retry a dead or cancelled task"),
    _verb(TaskVerb.RESUME, "Resume a rejected or expired task"),
    _verb(TaskVerb.CANCEL, "Cancel a task"),
    list_kinds,
]
