"""Pages of tasks: the list, one task, the workers; and the buttons on them."""

from datetime import datetime
from typing import Annotated, Any, TypeAlias
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery, QueryParameter

from app.core.db import Session
from app.core.errors import NotFound
from app.core.masking import masked
from app.core.paging import PAGE, Cursor, parse_cursor
from app.core.principal import Principal
from app.stats import queries as stats
from app.tasks import reads, service
from app.tasks.artifacts import artifacts_of
from app.tasks.filters import FilterForm, TaskFilter, parse_filter
from app.tasks.kinds import all_kinds
from app.tasks.models import Artifact, Task, TaskEvent, TaskStep
from app.tasks.reads import LivingWorker
from app.tasks.states import BUTTONS, HOLDS, STANDINGS, TASK_MACHINE, UNFINISHED, TaskState, TaskVerb
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
    """A page of tasks. `current`: the tab it is on, None when several states are asked for; `total`: of all states;
    `matching`: how many fit, where that is known without counting; `params`: the filter, for forms."""

    tasks: list[Task]
    form: FilterForm
    wanted: TaskFilter
    current: str | None
    tabs: list[Tab]
    kinds: list[str]
    total: int
    matching: int | None
    next_url: str | None
    first_url: str | None
    here: str
    params: list[tuple[str, str]]


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
    session: Session, user: Principal, form: FilterForm, cursor: str | None, path: str = "/tasks"
) -> TaskList:
    """What the list shows: one page, the tabs with exact counts where they are known, where to go on.

    Raises:
        Invalid: a damaged cursor. A filter that does not fit shows an empty list with its errors.
    """
    before = parse_cursor(cursor)
    wanted = form.wanted or TaskFilter()
    rows = await reads.list_tasks(session, user.scope, wanted, before, PAGE + 1) if form.wanted else []
    counts = await _counts(session, user, wanted)
    total = sum(counts.values())
    known = not _narrows(wanted)
    tabs = [
        Tab(state, path + _query(wanted, path, states=(state,) if state else ()), n if known else None)
        for state, n in (("", total), *((state, counts.get(state, 0)) for state in STANDINGS))
        if not state or n or state in wanted.states
    ]
    shown = rows[:PAGE]
    last = Cursor(shown[-1].created_at, shown[-1].id) if len(rows) > PAGE else None
    return TaskList(
        tasks=shown,
        form=form,
        wanted=wanted,
        current=wanted.states[0] if len(wanted.states) == 1 else "" if not wanted.states else None,
        tabs=tabs,
        kinds=[kind.name for kind in all_kinds()],
        total=total,
        matching=None if not known else sum(counts.get(state, 0) for state in wanted.states or counts),
        next_url=path + _query(wanted, path, cursor=str(last)) if last else None,
        first_url=path + _query(wanted, path) if before else None,
        here=path + _query(wanted, path, cursor=cursor or ""),
        params=wanted.params(),
    )


def _narrows(wanted: TaskFilter) -> bool:
    """Whether it says more than the folded counts can answer: anything but state, kind, queue and run alone."""
    folded = msgspec.structs.replace(wanted, states=(), kind="", queue="", run_id=None)
    return folded != TaskFilter() or bool(wanted.run_id and (wanted.kind or wanted.queue))


async def _counts(session: Session, user: Principal, wanted: TaskFilter) -> dict[str, int]:
    """State → how many, of the run, or of the kind and queue, or of all."""
    if wanted.run_id:
        return (await stats.counts_by_run(session, [wanted.run_id]))[wanted.run_id]
    if not wanted.kind and not wanted.queue:
        return await stats.counts_by_state(session, user.scope)
    found: dict[str, int] = {}
    for (queue, kind), states in (await stats.counts_by_kind(session, user.scope)).items():
        if wanted.kind in ("", kind) and wanted.queue in ("", queue):
            for state, n in states.items():
                found[state] = found.get(state, 0) + n
    return found


def _query(wanted: TaskFilter, path: str, cursor: str = "", states: tuple[str, ...] | None = None) -> str:
    """The filter as a query string. A run's own page has its run in the path."""
    if states is not None:
        wanted = msgspec.structs.replace(wanted, states=states)
    params = [pair for pair in wanted.params() if pair[0] != "run_id" or path == "/tasks"]
    if cursor:
        params.append(("cursor", cursor))
    return "?" + urlencode(params) if params else ""


def happening(event: TaskEvent) -> Happening:
    verb = event.verb.replace("_", " ").capitalize()
    if event.verb == "prioritise" and event.data:
        change = f"Priority {event.data['from']} → {event.data['to']}"
        return Happening(event.at, change, event.to_state, event.actor, event.reason or "")
    state = (event.to_state or "deleted").replace("_", " ")
    tries = f"attempt {event.attempt}" if event.attempt and event.from_state in (None, "running", "queued") else ""
    detail = " · ".join(part for part in (tries, event.reason or "") if part)
    return Happening(event.at, f"{verb} → {state}", event.to_state, event.actor, detail)


def asked_filter(request: WebRequest) -> FilterForm:
    """The filter in the request's URL."""
    return parse_filter(request.query_params.multi_items())


@get("/tasks")
async def show_tasks(
    request: WebRequest, user: SignedIn, read: Read, cursor: FromQuery[str | None] = None
) -> Response[str]:
    form = asked_filter(request)
    view = await task_list(read, user, form, cursor)
    status = 422 if form.errors else 200
    return await render(request, "tasks/list.html", view, nav="tasks", fragment="tasks/_list.html", status=status)


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


handlers = [show_tasks, show_task, act_on_task, show_workers]
