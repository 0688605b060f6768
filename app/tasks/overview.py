"""The overview: what needs me now, and how the queues stand."""

import msgspec
from litestar import Response, get

from app.stats import queries as stats
from app.tasks import queues, reads, strays
from app.tasks.filters import TaskFilter
from app.tasks.models import Task
from app.tasks.queues import QueueLine
from app.tasks.reads import LivingWorker
from app.tasks.states import STANDINGS
from app.tasks.strays import OrphanLine
from app.web.guards import SignedIn
from app.web.render import render
from app.web.request import WebRequest
from app.web.sessions import Read


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    counts: dict[str, int]
    segments: list[tuple[str, int]]
    queues: list[QueueLine]
    workers: list[LivingWorker]
    orphans: list[OrphanLine]
    stuck: int
    holding: list[Task]
    buried: list[Task]


@get("/overview")
async def show_overview(request: WebRequest, user: SignedIn, read: Read) -> Response[str]:
    by_kind = await stats.counts_by_kind(read, user.scope)
    counts: dict[str, int] = {}
    by_queue: dict[str, dict[str, int]] = {}
    for (queue, _), states in by_kind.items():
        for state, n in states.items():
            counts[state] = counts.get(state, 0) + n
            line = by_queue.setdefault(queue, {})
            line[state] = line.get(state, 0) + n
    workers = await reads.list_workers(read)
    view = Overview(
        counts=counts,
        segments=[(state, counts[state]) for state in STANDINGS if counts.get(state)],
        queues=await queues.standing(read, by_queue, workers),
        workers=workers,
        orphans=strays.orphans(by_kind, workers),
        stuck=await strays.count_stuck(read, request.app.state.settings.stuck_timeout) if user.is_admin else 0,
        holding=await reads.list_tasks(read, user.scope, TaskFilter(states=("needs_input", "needs_auth")), None, 10),
        buried=await reads.list_tasks(read, user.scope, TaskFilter(states=("dead_letter",)), None, 5),
    )
    return await render(request, "overview.html", view, nav="overview", fragment="_overview.html")


handlers = [show_overview]
