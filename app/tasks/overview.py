"""The overview: what needs me now, and how the queues stand."""

from datetime import timedelta

import msgspec
from litestar import Response, get

from app.stats import queries as stats
from app.tasks import reads
from app.tasks.models import Task
from app.tasks.reads import LivingWorker, TaskFilter
from app.tasks.states import TaskState
from app.web.guards import SignedIn
from app.web.render import render
from app.web.request import WebRequest
from app.web.sessions import Read


class QueueLine(msgspec.Struct, frozen=True):
    """A queue: how much is ready, running and waiting for later, and how long the oldest ready task has waited."""

    name: str
    ready: int
    running: int
    later: int
    oldest: timedelta | None


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    counts: dict[str, int]
    segments: list[tuple[str, int]]
    queues: list[QueueLine]
    workers: list[LivingWorker]
    holding: list[Task]
    buried: list[Task]


@get("/overview")
async def show_overview(request: WebRequest, user: SignedIn, read: Read) -> Response[str]:
    by_queue = await stats.counts_by_queue(read, user.scope)
    counts: dict[str, int] = {}
    for states in by_queue.values():
        for state, n in states.items():
            counts[state] = counts.get(state, 0) + n
    waits = await reads.oldest_waits(read, list(by_queue))
    view = Overview(
        counts=counts,
        segments=[(state.value, counts[state]) for state in TaskState if counts.get(state)],
        queues=[
            QueueLine(
                name,
                states.get(TaskState.QUEUED, 0),
                states.get(TaskState.RUNNING, 0),
                states.get(TaskState.SCHEDULED, 0) + states.get(TaskState.RETRYING, 0),
                waits.get(name),
            )
            for name, states in sorted(by_queue.items())
        ],
        workers=await reads.list_workers(read),
        holding=await reads.list_tasks(read, user.scope, TaskFilter(state="needs_input"), None, 5)
        + await reads.list_tasks(read, user.scope, TaskFilter(state="needs_auth"), None, 5),
        buried=await reads.list_tasks(read, user.scope, TaskFilter(state="dead_letter"), None, 5),
    )
    return await render(request, "overview.html", view, nav="overview", fragment="_overview.html")


handlers = [show_overview]
