"""Pages of runs: the list, one run with its progress, and its buttons. New runs are started from postings."""

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Stream

from holdgate.accounts import service as accounts
from holdgate.core.db import Session
from holdgate.core.errors import NotFound
from holdgate.core.paging import Cursor, paginate
from holdgate.core.text import zones
from holdgate.runs import exports, lookup, queries, retention, service, time_queries
from holdgate.runs.errors import RunNotFound
from holdgate.runs.models import Run, RunEvent
from holdgate.runs.pages.strip import MOST_TASKS, Strip, started_tasks, strip_of
from holdgate.runs.progress import Progress
from holdgate.runs.queries import FAILED, FINISHED, RunFilter
from holdgate.runs.reads import RunFacts, facts_of, progress_of_each
from holdgate.runs.states import RunState, RunVerb, Stage
from holdgate.runs.waiting import WaitedFor, who_of
from holdgate.stats import counts as stats
from holdgate.tasks.kinds import all_kinds
from holdgate.tasks.pages.list import InState, TaskList, Turn, task_list
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.search.lists import time_now
from holdgate.tasks.search.parameters import FilterForm
from holdgate.tasks.states import HOLDS, STANDINGS, TaskState
from holdgate.tasks.timeline import TimelineEntry
from holdgate.web.downloads import export
from holdgate.web.forms import read_form
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read, Write
from holdgate.web.pager import Pager, address, pager
from holdgate.web.render import render, see_other, wants_fragment

APPLICATIONS = "application.submit"
STATES = (RunState.ACTIVE.value, RunState.PAUSED.value, FINISHED, FAILED, RunState.CANCELLED.value)
TAB_LABELS = {"": "All", FAILED: "Finished with failures"}
MOST_TEXT = 200  # characters of a name


class RunList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of runs that fit `wanted`. `query`: the same as the end of an address."""

    runs: list[Progress]
    wanted: RunFilter
    tabs: list[tuple[str, str, str, None]]
    query: str
    pager: Pager
    kinds: list[str]


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """`stages`: what all tasks together have spent where, each with the state it is drawn as.

    `took`: from the start to the end, when it has finished. `strip`: of a run that is not too large to be drawn.
    `facts` stand below, and are left out of what is fetched again while the page is open.
    """

    progress: Progress
    tasks: TaskList
    stages: list[tuple[str, str, float]]
    took: timedelta | None
    timeline: list[TimelineEntry]
    adds: bool
    strip: Strip | None
    waits_for: list[WaitedFor]
    facts: list[RunFacts]


STAGE_WORDS = {
    Stage.QUEUE: (TaskState.QUEUED, "Queued"),
    Stage.WORK: (TaskState.RUNNING, "Running"),
    Stage.PEOPLE: (TaskState.PENDING_APPROVAL, "Waiting on people"),
    Stage.LATER: (TaskState.PAUSED, "Paused or scheduled"),
}


@get("/runs")
async def show_runs(
    request: WebRequest,
    user: SignedIn,
    read: Read,
    in_state: InState = "",
    q: FromQuery[str] = "",
    kind: FromQuery[str] = "",
    owner: FromQuery[str] = "",
    since: FromQuery[str] = "",
    until: FromQuery[str] = "",
    cursor: FromQuery[str | None] = None,
    back: FromQuery[str | None] = None,
) -> Response[str]:
    wanted = _wanted(in_state, q, kind, owner if user.is_admin else "", since, until)

    async def runs(place: Cursor | None, limit: int, oldest: bool) -> list[Run]:
        return await queries.list_runs(read, user.scope, place, limit, wanted=wanted, oldest=oldest)

    turned = await paginate(runs, lambda run: Cursor(run.created_at, run.id), cursor, back)
    shown = turned.rows
    counts = await stats.counts_by_run(read, [run.id for run in shown])
    owners = await accounts.emails_of(read, [run.owner_id for run in shown]) if user.is_admin else {}
    view = RunList(
        runs=await progress_of_each(read, shown, counts, owners),
        wanted=wanted,
        tabs=[
            (
                state,
                TAB_LABELS.get(state, state.capitalize()),
                address("/runs", msgspec.structs.replace(wanted, state=state).params()),
                None,
            )
            for state in ("", *STATES)
        ],
        query=urlencode([pair for pair in wanted.params() if pair[1]]),
        pager=pager("/runs", turned, cursor, back, wanted.params()),
        kinds=[each.name for each in all_kinds() if not each.internal],
    )
    return await render(request, "runs/list.html", view, nav="runs", fragment="runs/_list.html")


def _wanted(state: str, q: str, kind: str, owner: str, since: str, until: str) -> RunFilter:
    """What cannot be meant does not filter."""
    return RunFilter(
        state if state in STATES else "",
        _text(q),
        _text(kind),
        _text(owner),
        _day(since),
        _day(until),
        zones.shown(),
    )


def _text(given: str) -> str:
    return given.replace("\0", "").strip()[:MOST_TEXT]


def _day(given: str) -> date | None:
    try:
        day = date.fromisoformat(given)
    except ValueError:
        return None
    return day if 1970 <= day.year <= 2999 else None


@get(["/runs/export.csv", "/runs/export.json"])
async def export_runs(
    request: WebRequest,
    user: SignedIn,
    in_state: InState = "",
    q: FromQuery[str] = "",
    kind: FromQuery[str] = "",
    owner: FromQuery[str] = "",
    since: FromQuery[str] = "",
    until: FromQuery[str] = "",
) -> Stream:
    wanted = _wanted(in_state, q, kind, owner if user.is_admin else "", since, until)
    found = exports.rows(request.app.state.database, user, wanted)
    return await export(request, "runs", exports.COLUMNS, found)


@get("/runs/{run_id:uuid}")
async def show_run(
    request: WebRequest,
    user: SignedIn,
    read: Read,
    run_id: FromPath[UUID],
    in_state: InState = "",
    cursor: FromQuery[str | None] = None,
    back: FromQuery[str | None] = None,
    sort: FromQuery[str] = "",
) -> Response[str]:
    run = await lookup.find_run(read, run_id, user.scope)
    if run is None:
        raise RunNotFound
    wanted = TaskFilter(run_id=run_id, states=(in_state,) if in_state in STANDINGS else ())
    form = FilterForm(wanted=wanted, values={}, errors={})
    tasks = await task_list(read, user, form, Turn(cursor, back, sort), path=f"/runs/{run_id}")
    counts = {tab.state: tab.count or 0 for tab in tasks.tabs if tab.state}
    owners = await accounts.emails_of(read, [run.owner_id]) if user.is_admin else {}
    [progress] = await progress_of_each(read, [run], {run_id: counts}, owners)
    times = (await time_queries.times_of(read, [run_id]))[run_id]
    view = RunView(
        progress=progress,
        tasks=tasks,
        # What has begun since this page's own beginning has spent less than nothing yet.
        stages=[(state, word, max(0.0, times[stage].seconds)) for stage, (state, word) in STAGE_WORDS.items()],
        took=run.finished_at - run.created_at if run.finished_at and progress.state == "finished" else None,
        timeline=[happening(event) for event in await queries.events_of(read, run_id)],
        # Postings (postings/pages/add_to_run.py) are applied for in the name of the one who adds them.
        adds=run.owner_id == user.id
        and run.state != RunState.CANCELLED
        and APPLICATIONS in await stats.kinds_of_run(read, run_id),
        strip=await _strip(read, run, progress),
        waits_for=await who_of(read, run_id) if any(counts.get(hold) for hold in HOLDS) else [],
        facts=[] if wants_fragment(request) else await facts_of(read, run_id),
    )
    return await render(request, "runs/detail.html", view, nav="runs", fragment="runs/_detail.html")


async def _strip(session: Session, run: Run, progress: Progress) -> Strip | None:
    if progress.total > MOST_TASKS or not (tasks := await started_tasks(session, run.id)):
        return None
    return strip_of(tasks, run.created_at, await time_now(session))


def happening(event: RunEvent) -> TimelineEntry:
    looks = {"started": "active", "resumed": "active", "reopened": "active"}
    return TimelineEntry(event.at, event.verb.capitalize(), looks.get(event.verb, event.verb), event.actor, "")


SAID = {
    RunVerb.PAUSE: "Run paused. Running tasks will finish; no new ones start.",
    RunVerb.RESUME: "Run resumed.",
    RunVerb.CANCEL: "Run cancelled.",
}


class NameForm(msgspec.Struct, frozen=True):
    name: str = ""


@post("/runs/{run_id:uuid}/rename")
async def rename_run(request: WebRequest, user: SignedIn, write: Write, run_id: FromPath[UUID]) -> Response[Any]:
    form = await read_form(request, NameForm)
    await service.rename(write, user, run_id, form.data.name if form.data else "")
    return see_other(request, f"/runs/{run_id}", "Run renamed.")


@post("/runs/{run_id:uuid}/delete")
async def delete_run(request: WebRequest, user: SignedIn, write: Write, run_id: FromPath[UUID]) -> Response[Any]:
    await retention.delete_run(write, user, run_id)
    return see_other(request, "/runs", "Run deleted. Its tasks are being deleted.")


@post("/runs/{run_id:uuid}/{verb:str}")
async def act_on_run(
    request: WebRequest, user: SignedIn, write: Write, run_id: FromPath[UUID], verb: FromPath[str]
) -> Response[Any]:
    if verb not in set(RunVerb):
        raise NotFound(f"Unknown action: {verb!r}.")
    chosen = RunVerb(verb)
    await service.act(write, user, run_id, chosen)
    return see_other(request, f"/runs/{run_id}", SAID[chosen])


handlers = [show_runs, export_runs, show_run, rename_run, delete_run, act_on_run]
