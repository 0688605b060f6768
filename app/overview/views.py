"""GET /overview: what needs me now, and how everything stands; one's own for a member, everybody's for an admin."""

from typing import Annotated

import msgspec
from litestar import Response, get
from litestar.params import Parameter

from app.overview.needs import Need, needs_of
from app.stats import queries as stats
from app.stats.figures import Figures, figures_of
from app.stats.minutes import PERIODS
from app.tasks import queues, reads
from app.tasks.dead_letters import Group, list_groups
from app.tasks.kinds import all_kinds
from app.tasks.queues import QueueLine
from app.tasks.states import TaskState
from app.web.guards import SignedIn
from app.web.render import render
from app.web.request import WebRequest
from app.web.sessions import Read

# What a chart of throughput counts, from the bottom up; a try that failed comes back as `retrying`.
OUTCOMES = [TaskState.SUCCEEDED, TaskState.RETRYING, TaskState.DEAD_LETTER]
GROUPS = 5


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """`counts` are without Holdpoint's own work, which is `own`. `workers`: state → how many."""

    needs: list[Need]
    started: bool
    counts: dict[str, int]
    own: dict[str, int]
    period: str
    figures: Figures
    queues: list[QueueLine]
    groups: list[Group]
    workers: dict[str, int]


@get("/overview")
async def show_overview(
    request: WebRequest, user: SignedIn, read: Read, period: Annotated[str, Parameter(max_length=20)] = "hour"
) -> Response[str]:
    chosen = PERIODS.get(period, PERIODS["hour"])
    internal = {kind.name for kind in all_kinds() if kind.internal}
    by_kind = await stats.counts_by_kind(read, user.scope)
    counts: dict[str, int] = {}
    own: dict[str, int] = {}
    by_queue: dict[str, dict[str, int]] = {}
    for (queue, kind), states in by_kind.items():
        for state, n in states.items():
            for line in (own if kind in internal else counts, by_queue.setdefault(queue, {})):
                line[state] = line.get(state, 0) + n
    workers = await reads.list_workers(read)
    lines = await queues.standing(read, by_queue, workers)
    groups = await list_groups(read, user.scope, GROUPS, retried=True)
    async with request.app.state.database.look_back(read) as past:
        figures = await figures_of(past, chosen, user.scope, [state.value for state in OUTCOMES], internal)
    settings = request.app.state.settings
    view = Overview(
        needs=await needs_of(read, user, settings, counts=by_kind, workers=workers, queues=lines, groups=groups),
        started=any(counts.values()),
        counts=counts,
        own=own,
        period=chosen.name,
        figures=figures,
        queues=lines,
        groups=groups,
        workers={state: sum(each.state == state for each in workers) for state in ("online", "draining", "lost")},
    )
    return await render(request, "overview.html", view, nav="overview", fragment="_overview.html")


handlers = [show_overview]
