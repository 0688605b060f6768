"""/queues: how each stands, and the limits of kinds; administrators pause and resume, and set limits."""

from datetime import timedelta
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from holdgate.core.errors import Invalid, NotFound
from holdgate.stats import counts as stats
from holdgate.stats import rollups
from holdgate.stats.summaries import by_queue as done_by_queue
from holdgate.tasks import queues
from holdgate.tasks.kinds import MOST_AT_ONCE, Rate, all_kinds
from holdgate.tasks.queue import limits
from holdgate.tasks.queue.limits import KindLimits
from holdgate.tasks.queue.models import KindLimit, KindLimitEvent, QueueEvent
from holdgate.tasks.queues import QueueLine, QueueVerb
from holdgate.tasks.search import lists
from holdgate.tasks.states import TaskState
from holdgate.web.forms import Form, blank, read_form
from holdgate.web.http.guards import SignedIn, admin_only
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read, Write
from holdgate.web.render import render, see_other

DONE = [TaskState.SUCCEEDED.value, TaskState.DEAD_LETTER.value]


class LimitLine(msgspec.Struct, frozen=True):
    """A kind with what limits it, and how many of its tasks the viewer sees running and ready."""

    kind: str
    concurrency: int | None
    rate: Rate | None
    set_by: str | None
    declared: bool
    running: int
    ready: int


class QueuesPage(msgspec.Struct, frozen=True):
    """`done`: queue → how many tasks succeeded or died in each minute of the last hour."""

    queues: list[QueueLine]
    events: list[QueueEvent]
    limits: list[LimitLine]
    limit_events: list[KindLimitEvent]
    may_pause: bool
    done: dict[str, list[int]]


@get("/queues")
async def show_queues(request: WebRequest, user: SignedIn, read: Read) -> Response[str]:
    counts = await stats.counts_by_kind(read, user.scope)
    by_queue: dict[str, dict[str, int]] = {}
    for (queue, _), states in counts.items():
        line = by_queue.setdefault(queue, {})
        for state, n in states.items():
            line[state] = line.get(state, 0) + n
    view = QueuesPage(
        await queues.standing(read, by_queue, await lists.list_workers(read)),
        await queues.latest_events(read) if user.is_admin else [],
        _limit_lines(await limits.all_limits(read), counts, all_of_them=user.is_admin),
        await limits.latest_events(read) if user.is_admin else [],
        user.is_admin,
        done_by_queue(await rollups.outcomes_in(read, rollups.PERIODS["hour"], user.scope, DONE)),
    )
    return await render(request, "tasks/queues.html", view, nav="queues", fragment="tasks/_queues.html")


def _limit_lines(rows: dict[str, KindLimit], counts: stats.CountsByKind, *, all_of_them: bool) -> list[LimitLine]:
    """The limited kinds, or for those who may set limits all kinds."""
    lines = []
    for name in sorted({*rows, *(kind.name for kind in all_kinds())}):
        row = rows.get(name)
        found = limits.limits_of(row) if row else KindLimits()
        if found == KindLimits() and not all_of_them:
            continue
        lines.append(
            LimitLine(
                name,
                found.concurrency,
                found.rate,
                row.set_by if row else None,
                row is not None and row.set_by is None and row.limited,
                sum(states.get(TaskState.RUNNING, 0) for (_, kind), states in counts.items() if kind == name),
                sum(states.get(TaskState.QUEUED, 0) for (_, kind), states in counts.items() if kind == name),
            )
        )
    return lines


SAID = {
    (QueueVerb.PAUSE, True): "The queue is paused. What is running ends; nothing new starts.",
    (QueueVerb.PAUSE, False): "The queue was paused already.",
    (QueueVerb.RESUME, True): "Queue resumed.",
    (QueueVerb.RESUME, False): "The queue was not paused.",
}


@post("/queues/{name:str}/{verb:str}", guards=[admin_only])
async def act_on_queue(
    request: WebRequest, user: SignedIn, write: Write, name: FromPath[str], verb: FromPath[str]
) -> Response[Any]:
    if verb not in set(QueueVerb):
        raise NotFound(f"Unknown action: {verb!r}.")
    chosen = QueueVerb(verb)
    changed = await queues.act(write, user, name, chosen)
    return see_other(request, "/queues", SAID[chosen, changed])


class LimitForm(msgspec.Struct, frozen=True):
    """What the form sends; an empty field is no limit. `as_declared`: the button that takes all of it back."""

    concurrency: Annotated[int, msgspec.Meta(ge=0, le=MOST_AT_ONCE)] | None = None
    rate_count: Annotated[int, msgspec.Meta(ge=1, le=MOST_AT_ONCE)] | None = None
    rate_seconds: Annotated[float, msgspec.Meta(ge=0.001, le=31_536_000)] | None = None
    as_declared: str = ""


class LimitPage(msgspec.Struct, frozen=True):
    kind: str
    declared: KindLimits
    form: Form[LimitForm]


def _limit_page(kind: str, form: Form[LimitForm]) -> LimitPage:
    known = {each.name: each for each in all_kinds()}.get(kind)
    return LimitPage(kind, KindLimits(known.concurrency, known.rate) if known else KindLimits(), form)


@get("/kinds/{kind:str}/limits", guards=[admin_only])
async def show_limits(request: WebRequest, user: SignedIn, read: Read, kind: FromPath[str]) -> Response[str]:
    row = await limits.find_limit(read, kind)
    if row is None and kind not in {each.name for each in all_kinds()}:
        raise NotFound("No such kind.")
    there = limits.limits_of(row) if row else KindLimits()
    values = {
        "concurrency": "" if there.concurrency is None else there.concurrency,
        "rate_count": there.rate.count if there.rate else "",
        "rate_seconds": f"{there.rate.per.total_seconds():g}" if there.rate else "",
    }
    return await render(request, "tasks/limits.html", _limit_page(kind, blank(values)), nav="queues")


@post("/kinds/{kind:str}/limits", guards=[admin_only])
async def change_limits(request: WebRequest, user: SignedIn, write: Write, kind: FromPath[str]) -> Response[Any]:
    form = await read_form(request, LimitForm)
    if form.value("as_declared"):
        await limits.set_limits(write, user, kind, None)
        return see_other(request, "/queues", f"{kind} is limited as its author declares it.")
    if form.data is not None:
        wanted = form.data
        count, seconds = wanted.rate_count, wanted.rate_seconds
        if (count is None) == (seconds is None):
            rate = None if count is None or seconds is None else Rate(count, timedelta(seconds=seconds))
            await limits.set_limits(write, user, kind, KindLimits(wanted.concurrency, rate))
            return see_other(
                request, "/queues", f"Limits of {kind} saved. They apply within seconds; running tasks continue."
            )
        field = "rate_count" if count is None else "rate_seconds"
        form = form.refused(Invalid("A rate needs both.", {field: "A rate needs both: so many, within so long."}))
    return await render(request, "tasks/limits.html", _limit_page(kind, form), nav="queues", status=422)


handlers = [show_queues, act_on_queue, show_limits, change_limits]
