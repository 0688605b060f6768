"""Tasks for programs: listing, reading, waiting for one, and the verbs. New ones: new.py."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Response

from holdgate.api.paging import page, position
from holdgate.api.routes import get, post
from holdgate.api.signatures import Query, QueryString
from holdgate.core.db import Database, ReadSession, WriteSession
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
    Ordered,
    TaskDetail,
    TaskPage,
    TaskQuery,
    WaitQuery,
    detail,
    event,
    item,
)
from holdgate.tasks.search import lists
from holdgate.tasks.search.counts import tellable, totals
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.search.parameters import parse_filter
from holdgate.tasks.states import TaskState, TaskVerb
from holdgate.tasks.streams.long_poll import LongPolls
from holdgate.web.http.request import WebRequest

TAG = "Tasks"


@get("/tasks", scope=Scope.TASKS_READ, tag=TAG, summary="List tasks")
async def list_tasks(
    request: WebRequest, user: Principal, read: ReadSession, wanted: Annotated[Ordered, QueryString(TaskQuery)]
) -> Response[TaskPage]:
    """Newest first unless `sort` says otherwise, without their payloads."""
    asked = asked_filter(request)
    rows = await lists.list_tasks(
        read,
        user.scope,
        asked,
        position(wanted),
        wanted.limit + 1,
        oldest=wanted.sort == "oldest",
    )
    total = await _count(read, user.scope, asked)
    return page(request, TaskPage, rows, wanted, item, lambda task: Cursor(task.created_at, task.id), total)


async def _count(session: ReadSession, scope: UUID | None, asked: TaskFilter) -> int | None:
    if not tellable(asked):
        return None
    counts = await totals(session, scope, asked)
    return sum(n for state, n in counts.items() if not asked.states or state in asked.states)


def asked_filter(request: WebRequest) -> TaskFilter:
    """The filter in the address. Raises Invalid with the parameters that do not fit."""
    form = parse_filter(request.query_params.multi_items())
    if form.wanted is None:
        raise Invalid("Invalid filter.", {f"?{name}": sentence for name, sentence in form.errors.items()})
    return form.wanted


@get("/tasks/{task_id:uuid}", scope=Scope.TASKS_READ, tag=TAG, summary="Read a task")
async def get_task(request: WebRequest, user: Principal, wanted: Query[WaitQuery], task_id: UUID) -> TaskDetail:
    """With `wait` the answer comes when the task has ended, or as it then is after so many seconds."""
    task = await _find(request, user.scope, task_id)
    if wanted.wait and task.finished_at is None:  # without a connection meanwhile
        await _waiting(request).for_end(task_id, wanted.wait)
        task = await _find(request, user.scope, task_id)
    return detail(task)


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


@get("/tasks/{task_id:uuid}/events", scope=Scope.TASKS_READ, tag=TAG, summary="Read what has happened to a task")
async def get_task_events(user: Principal, read: ReadSession, task_id: UUID) -> EventList:
    """The newest 500 changes of its state, oldest first."""
    await lists.find_task(read, task_id, user.scope)
    events = [event(row) for row in await lists.events_of(read, task_id)]
    return EventList(events)


def _verb(verb: TaskVerb, summary: str) -> Any:
    @post(
        f"/tasks/{{task_id:uuid}}/{verb.value}",
        scope=Scope.TASKS_WRITE,
        tag=TAG,
        summary=summary,
        problems=(409,),
        name=f"{verb.value}_task",
    )
    async def act(session: WriteSession, by: Principal, task_id: UUID) -> Moved:
        return Moved(task_id, TaskState(await service.act(session, by, task_id, verb)))

    return act


@get("/kinds", scope=Scope.TASKS_READ, tag="Catalogue", summary="List task kinds")
async def list_kinds(user: Principal) -> KindList:
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
    return KindList(kinds)


handlers = [
    list_tasks,
    get_task,
    get_task_events,
    _verb(TaskVerb.RETRY, "Retry a failed or cancelled task"),
    _verb(TaskVerb.RESUME, "Resume a rejected or expired task"),
    _verb(TaskVerb.CANCEL, "Cancel a task"),
    list_kinds,
]
