"""The overview for programs: what needs its person now, what was done in a period, and what failed in it."""

from typing import Annotated, Literal

import msgspec

from holdgate.api.routes import get
from holdgate.api.signatures import Query
from holdgate.core.db import ReadSession
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.core.text.masking import masked_text
from holdgate.overview.needs import Need
from holdgate.overview.reads import OUTCOMES, Overview, overview_of
from holdgate.stats.failures import ErrorSummary
from holdgate.stats.rollups import PERIODS, Period
from holdgate.stats.summaries import SummaryRow, Times
from holdgate.tasks.schemas import Moment
from holdgate.web.http.request import WebRequest

MOST_FAILURES = 50


class OverviewQuery(msgspec.Struct, frozen=True):
    period: Annotated[
        Literal["hour", "day", "week"],
        msgspec.Meta(description="The last hour by the minute, day by the quarter, or week by two hours."),
    ] = "hour"


class NeedItem(msgspec.Struct, frozen=True, kw_only=True):
    """What needs a person: `url` is the page where they see to it, `until` by when. `key` is the same next time."""

    key: str
    state: str
    text: str
    note: str
    url: str
    until: Moment | None


class SpanFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The span that begins at `at`, without Holdgate's own work. `outcomes`: how many tasks came into which state;
    `retrying` are attempts that failed. `wait`, `work`: how long they waited and ran."""

    at: Moment
    outcomes: dict[str, int]
    wait: Times
    work: Times


class KindFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A kind, or several together, in the whole period."""

    name: str
    outcomes: dict[str, int]
    wait: Times
    work: Times


class FailureItem(msgspec.Struct, frozen=True, kw_only=True):
    """An error: `n` attempts failed with it in the period, `by_span` in each span. Of the tasks that have it now `dead`
    are open dead letters and `retried` are tried again."""

    fingerprint: str
    kind: str
    error_type: str
    message: str
    last_at: Moment
    n: int
    by_span: list[int]
    dead: int
    retried: int


class OverviewItem(msgspec.Struct, frozen=True, kw_only=True):
    """One's own, an administrator's of everybody's. `seconds` is the length of each span.

    `internal` is Holdgate's own work (mail, webhooks), which `all` leaves out. `queues`: what came out of each in each
    span. `failures`: the most frequent first, 50 at most.
    """

    period: str
    seconds: int
    needs: list[NeedItem]
    spans: list[SpanFigures]
    all: KindFigures
    kinds: list[KindFigures]
    internal: KindFigures | None
    queues: dict[str, list[int]]
    failures: list[FailureItem]


@get("/overview", scope=Scope.TASKS_READ, tag="Catalogue", summary="Get dashboard summary")
async def get_overview(
    request: WebRequest, user: Principal, read: ReadSession, wanted: Query[OverviewQuery]
) -> OverviewItem:
    """As the page has it; up to a few seconds old. How the queues stand is in `GET /stats`, exactly."""
    period = PERIODS[wanted.period]
    state = request.app.state
    found = await overview_of(state.database, state.settings, read, user, period, failures=MOST_FAILURES)
    return _item(found, period, state.settings.base_url)


def _item(found: Overview, period: Period, base_url: str) -> OverviewItem:
    figures = found.figures
    return OverviewItem(
        period=found.period,
        seconds=period.span * 60,
        needs=[_need(each, base_url) for each in found.needs],
        spans=[
            SpanFigures(at=point.at, outcomes=_outcomes(point.outcomes), wait=point.wait, work=point.work)
            for point in figures.points
        ],
        all=_line(figures.all),
        kinds=[_line(line) for line in figures.kinds],
        internal=_line(figures.internal) if figures.internal else None,
        queues=figures.queues,
        failures=[_failure(each) for each in found.failures],
    )


def _need(need: Need, base_url: str) -> NeedItem:
    return NeedItem(
        key=need.key,
        state=need.state,
        text=masked_text(need.text),
        note=masked_text(need.note),
        url=base_url + need.href,
        until=need.until,
    )


def _line(line: SummaryRow) -> KindFigures:
    return KindFigures(name=line.name, outcomes=_outcomes(line.outcomes), wait=line.wait, work=line.work)


def _outcomes(numbers: list[int]) -> dict[str, int]:
    return {state.value: n for state, n in zip(OUTCOMES, numbers, strict=True)}


def _failure(failure: ErrorSummary) -> FailureItem:
    return FailureItem(**{**msgspec.structs.asdict(failure), "message": masked_text(failure.message)})


handlers = [get_overview]
