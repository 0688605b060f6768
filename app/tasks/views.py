"""Pages of tasks: the list, one task, the dead letters, the workers; and the buttons on them."""

from datetime import datetime
from typing import Annotated, Any, TypeAlias
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery, QueryParameter

from app.core.errors import NotFound
from app.core.masking import masked
from app.core.paging import PAGE, Cursor, parse_cursor
from app.core.principal import Principal
from app.stats import queries as stats
from app.tasks import reads, service
from app.tasks.artifacts import artifacts_of
from app.tasks.kinds import all_kinds
from app.tasks.models import Artifact, Task, TaskEvent, TaskStep
from app.tasks.reads import LivingWorker, TaskFilter
from app.tasks.states import BUTTONS, HOLDS, TASK_MACHINE, UNFINISHED, TaskState, TaskVerb
from app.web.guards import SignedIn
from app.web.render import render, see_other
from app.web.request import WebRequest
from app.web.sessions import Read, Write

# Litestar keeps the name `state` for itself.
InState: TypeAlias = Annotated[str, QueryParameter(name="state")]


class Tab(msgspec.Struct, frozen=True):
    """A state to choose, with how many tasks are in it; not counted while another filter narrows the list."""

    state: str
    href: str
    count: int | None


class TaskList(msgspec.Struct, frozen=True, kw_only=True):
    tasks: list[Task]
    wanted: TaskFilter
    tabs: list[Tab]
    kinds: list[str]
    total: int
    next_url: str | None
    first_url: str | None
    here: str


class Happening(msgspec.Struct, frozen=True):
    """A point of the timeline: an event in words."""

    at: datetime
    title: str
    state: str | None
    actor: str
    detail: str


class TaskPage(msgspec.Struct, frozen=True, kw_only=True):
    """One task. `schedule`: the page of the schedule that started it; `buttons`: the verbs its state allows;
    `holds`: it waits for a person; `live`: it may still change."""

    task: Task
    payload: Any
    timeline: list[Happening]
    steps: list[TaskStep]
    artifacts: list[Artifact]
    schedule: str | None
    buttons: list[str]
    holds: bool
    live: bool


class WorkersPage(msgspec.Struct, frozen=True):
    workers: list[LivingWorker]


def query_of(wanted: msgspec.Struct, **more: str) -> str:
    """The filter as a query string, without what is empty."""
    values = {k: str(v) for k, v in msgspec.structs.asdict(wanted).items() if v}
    joined = {**values, **{k: v for k, v in more.items() if v}}
    return "?" + urlencode(joined) if joined else ""


async def task_list(
    session: Any, user: Principal, wanted: TaskFilter, cursor: str | None, path: str = "/tasks"
) -> TaskList:
    """What the list shows: one page, the tabs with exact counts, where to go on."""
    before = parse_cursor(cursor)
    rows = await reads.list_tasks(session, user.scope, wanted, before, PAGE + 1)
    counts = (
        (await stats.counts_by_run(session, [wanted.run_id]))[wanted.run_id]
        if wanted.run_id
        else await stats.counts_by_state(session, user.scope)
    )
    everything = Tab("", path + query_of(msgspec.structs.replace(wanted, state="")), sum(counts.values()))
    tabs = [everything] + [
        Tab(state.value, path + query_of(msgspec.structs.replace(wanted, state=state.value)), counts.get(state, 0))
        for state in TaskState
        if counts.get(state) or state == wanted.state
    ]
    if wanted.q or wanted.kind or wanted.queue or wanted.subject:
        tabs = [msgspec.structs.replace(tab, count=None) for tab in tabs]
    shown = rows[:PAGE]
    last = Cursor(shown[-1].created_at, shown[-1].id) if len(rows) > PAGE else None
    return TaskList(
        tasks=shown,
        wanted=wanted,
        tabs=tabs,
        kinds=[kind.name for kind in all_kinds()],
        total=sum(counts.values()),
        next_url=path + query_of(wanted, cursor=str(last)) if last else None,
        first_url=path + query_of(wanted) if before else None,
        here=path + query_of(wanted, cursor=cursor or ""),
    )


def happening(event: TaskEvent) -> Happening:
    verb = event.verb.replace("_", " ").capitalize()
    state = (event.to_state or "deleted").replace("_", " ")
    tries = f"attempt {event.attempt}" if event.attempt and event.from_state in (None, "running", "queued") else ""
    detail = " · ".join(part for part in (tries, event.reason or "") if part)
    return Happening(event.at, f"{verb} → {state}", event.to_state, event.actor, detail)


@get("/tasks")
async def show_tasks(
    request: WebRequest,
    user: SignedIn,
    read: Read,
    in_state: InState = "",
    kind: FromQuery[str] = "",
    queue: FromQuery[str] = "",
    q: FromQuery[str] = "",
    subject: FromQuery[str] = "",
    run_id: FromQuery[UUID | None] = None,
    cursor: FromQuery[str | None] = None,
) -> Response[str]:
    if in_state and in_state not in set(TaskState):
        raise NotFound(f"There is no state {in_state!r} a task could be in.")
    wanted = TaskFilter(state=in_state, kind=kind, queue=queue, q=q.strip(), run_id=run_id, subject=subject)
    view = await task_list(read, user, wanted, cursor)
    return await render(request, "tasks/list.html", view, nav="tasks", fragment="tasks/_list.html")


@get("/dead-letters")
async def show_dead_letters(
    request: WebRequest, user: SignedIn, read: Read, cursor: FromQuery[str | None] = None
) -> Response[str]:
    wanted = TaskFilter(state=TaskState.DEAD_LETTER.value)
    view = await task_list(read, user, wanted, cursor, path="/dead-letters")
    return await render(
        request, "tasks/dead_letters.html", view, nav="dead-letters", fragment="tasks/_dead_letters.html"
    )


def schedule_page(subject: str | None) -> str | None:
    """Tasks know no schedules, but what they are about: `schedule:` and its id."""
    name, _, id = (subject or "").partition(":")
    return f"/schedules/{id}" if name == "schedule" else None


@get("/tasks/{task_id:uuid}")
async def show_task(request: WebRequest, user: SignedIn, read: Read, task_id: FromPath[UUID]) -> Response[str]:
    task = await reads.find_task(read, task_id, user.scope)
    state = TaskState(task.state)
    view = TaskPage(
        task=task,
        payload=masked(task.payload),
        timeline=[happening(event) for event in await reads.events_of(read, task_id)],
        steps=await reads.steps_of(read, task_id),
        artifacts=await artifacts_of(read, task_id),
        schedule=schedule_page(task.subject),
        buttons=[verb.value for verb in BUTTONS if TASK_MACHINE.allows(verb, state)],
        holds=state in HOLDS,
        live=state in UNFINISHED,
    )
    return await render(request, "tasks/detail.html", view, nav="tasks", fragment="tasks/_detail.html")


SAID = {
    TaskVerb.RETRY: "The task was put back into the queue.",
    TaskVerb.RESUME: "The task was resumed, ahead of the queue.",
    TaskVerb.CANCEL: "The task was cancelled.",
}


@post("/tasks/{task_id:uuid}/{verb:str}")
async def act_on_task(
    request: WebRequest, user: SignedIn, write: Write, task_id: FromPath[UUID], verb: FromPath[str]
) -> Response[Any]:
    if verb not in BUTTONS:
        raise NotFound(f"A task cannot be told to {verb!r}.")
    chosen = TaskVerb(verb)
    await service.act(write, user, task_id, chosen)
    return see_other(request, f"/tasks/{task_id}", SAID[chosen])


@get("/workers")
async def show_workers(request: WebRequest, user: SignedIn, read: Read) -> Response[str]:
    view = WorkersPage(await reads.list_workers(read))
    return await render(request, "tasks/workers.html", view, nav="workers", fragment="tasks/_workers.html")


handlers = [show_tasks, show_dead_letters, show_task, act_on_task, show_workers]
