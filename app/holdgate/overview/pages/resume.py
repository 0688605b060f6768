"""/resume: all that a person can resume, by run: what waits for somebody, ended without a yes, or is paused."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from sqlalchemy import select

from holdgate.bulk import service as bulk
from holdgate.bulk.states import BulkVerb
from holdgate.core.db import Session
from holdgate.core.errors import Invalid
from holdgate.core.principal import Principal
from holdgate.overview.reads import RESUMABLE
from holdgate.runs import lookup
from holdgate.runs import service as runs
from holdgate.runs.states import RunVerb
from holdgate.stats import counts as stats
from holdgate.tasks.models import Task
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.search.lists import mine
from holdgate.tasks.states import TaskState
from holdgate.web.forms import read_form
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read, Write
from holdgate.web.render import render, see_other

# These ended without a yes: they continue behind their completed steps, and ask again.
ASKED_AGAIN = (TaskState.REJECTED, TaskState.EXPIRED)
MOST_RUNS, MOST_TASKS = 100, 50
ALL = "all"


class ResumableRun(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    states: list[tuple[str, int]]


class ResumePage(msgspec.Struct, frozen=True, kw_only=True):
    """`tasks` belong to no run. `total`: of all, also of what is not shown; `again`: how many one press resumes."""

    runs: list[ResumableRun]
    tasks: list[Task]
    total: int
    again: int
    more: bool


@get("/resume")
async def show_resume(request: WebRequest, user: SignedIn, read: Read) -> Response[str]:
    return await render(request, "resume.html", await _page(read, user), nav="resume", fragment="_resume.html")


async def _page(session: Session, user: Principal) -> ResumePage:
    counts = await stats.counts_of_states(session, user.scope, [state.value for state in RESUMABLE])
    over = await lookup.over_among(session, [run for run in counts if run])  # of which nothing goes on
    counts = {run: states for run, states in counts.items() if run not in over}
    ids = sorted((run for run in counts if run), reverse=True)  # the newest first, as their ids tell
    names = await lookup.names_of(session, ids[:MOST_RUNS])
    every = [n for states in counts.values() for n in states.items()]
    return ResumePage(
        runs=[
            ResumableRun(id, names[id], [(state, n) for state in RESUMABLE if (n := counts[id].get(state, 0))])
            for id in ids[:MOST_RUNS]
            if id in names
        ],
        tasks=await _without_run(session, user) if None in counts else [],
        total=sum(n for _, n in every),
        again=sum(n for state, n in every if state in ASKED_AGAIN),
        more=len(ids) > MOST_RUNS,
    )


async def _without_run(session: Session, user: Principal) -> list[Task]:
    states = [state.value for state in RESUMABLE]
    which = (mine(user.scope), Task.run_id.is_(None), Task.state.in_(states))
    found = await session.execute(select(Task).where(*which).order_by(Task.id.desc()).limit(MOST_TASKS))
    return list(found.scalars())


class ResumeForm(msgspec.Struct, frozen=True):
    """A run's id, or all; and in which state."""

    run: Annotated[str, msgspec.Meta(min_length=1, max_length=36)]
    state: Annotated[str, msgspec.Meta(max_length=20)] = ""


@post("/resume")
async def resume(request: WebRequest, user: SignedIn, write: Write) -> Response[Any]:
    """A paused run goes on by its own verb; tasks that ended without a yes by a bulk job, whose page is next."""
    form = await read_form(request, ResumeForm)
    if form.data is None:
        raise Invalid("Choose what to resume.", dict(form.errors))
    run_id = None if form.data.run == ALL else _uuid(form.data.run)
    if run_id is not None and form.data.state == TaskState.PAUSED:
        await runs.act(write, user, run_id, RunVerb.RESUME)
        return see_other(request, "/resume", "Run resumed.")
    wanted = [state for state in ASKED_AGAIN if form.data.state in ("", state)]
    if not wanted:
        raise Invalid("Open these tasks and answer what they ask.")
    tasks = TaskFilter(states=tuple(state.value for state in wanted), run_id=run_id)
    action_id = await bulk.start_bulk(write, user, BulkVerb.RESUME, tasks)
    return see_other(request, f"/bulk/{action_id}", "Resuming. Each task continues after its completed steps.")


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid("Choose what to resume.") from None


handlers = [show_resume, resume]
