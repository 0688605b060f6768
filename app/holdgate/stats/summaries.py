"""The figures of a period as pages show them: throughput, and how long tasks waited and ran."""

from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.stats import rollups
from holdgate.stats.histograms import Histogram, add, percentile
from holdgate.stats.rollups import Outcomes, Period, Stays


class Times(msgspec.Struct, frozen=True):
    """Half, 95 and 99 of 100 took at most so many seconds, to within a tenth; null: there was none."""

    p50: float | None
    p95: float | None
    p99: float | None


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One span of a chart, of one kind or of all but the internal ones."""

    at: datetime
    outcomes: list[int]
    wait: Times
    work: Times


class SummaryRow(msgspec.Struct, frozen=True, kw_only=True):
    """A kind, or several together, in the whole period. `outcomes` are in the order they were asked for."""

    name: str
    outcomes: list[int]
    wait: Times
    work: Times


class StatsSummary(msgspec.Struct, frozen=True, kw_only=True):
    """`internal` is Holdgate's own work (mail, webhooks), kept apart from `all` the others; None: there was none.

    `queues`: queue → how many outcomes of any sort in each span, for a line as high as a word.
    `before`: what `all` had in the period before.
    """

    points: list[Point]
    all: SummaryRow
    kinds: list[SummaryRow]
    internal: SummaryRow | None
    queues: dict[str, list[int]]
    before: list[int]


async def figures_of(
    session: AsyncSession,
    period: Period,
    owner: UUID | None,
    outcomes: list[str],
    internal: Collection[str],
    *,
    shown: str = "",
    now: datetime | None = None,
) -> StatsSummary:
    """One owner's, or everybody's. Two statements.

    Args:
        outcomes: the states whose arrivals are counted.
        internal: kinds that are kept apart.
        shown: the kind the points are of; empty: all but the internal ones.
    """
    counted = await rollups.outcomes_in(session, period, owner, outcomes, before=True, now=now)
    stays = await rollups.stays_in(session, period, owner, counted.spans[0], internal, shown)
    by_kind = {*(kind for _, _, kind, _ in counted.counts), *(kind for kind, _ in stays.by_kind)}
    kinds = sorted(by_kind - set(internal))
    own = sorted(by_kind & set(internal))
    return StatsSummary(
        points=_points(counted, stays, outcomes, [shown] if shown else kinds),
        all=_line("all", kinds, counted, stays, outcomes),
        kinds=[_line(kind, [kind], counted, stays, outcomes) for kind in kinds],
        internal=_line("internal", own, counted, stays, outcomes) if own else None,
        queues=by_queue(counted),
        before=[
            sum(n for (kind, state), n in counted.before.items() if state == outcome and kind not in internal)
            for outcome in outcomes
        ],
    )


def by_queue(counted: Outcomes) -> dict[str, list[int]]:
    """Queue → how many outcomes in each span."""
    place = {at: n for n, at in enumerate(counted.spans)}
    found: dict[str, list[int]] = {}
    for (at, queue, _, _), n in counted.counts.items():
        found.setdefault(queue, [0] * len(place))[place[at]] += n
    return found


def _points(counted: Outcomes, stays: Stays, outcomes: list[str], kinds: Collection[str]) -> list[Point]:
    sums = {at: [0] * len(outcomes) for at in counted.spans}
    for (at, _, kind, outcome), n in counted.counts.items():
        if kind in kinds:
            sums[at][outcomes.index(outcome)] += n
    return [
        Point(
            at=at,
            outcomes=sums[at],
            wait=_times([stays.by_span.get((at, "queue"), {})]),
            work=_times([stays.by_span.get((at, "work"), {})]),
        )
        for at in counted.spans
    ]


def _line(name: str, kinds: list[str], counted: Outcomes, stays: Stays, outcomes: list[str]) -> SummaryRow:
    sums = [0] * len(outcomes)
    for (_, _, kind, outcome), n in counted.counts.items():
        if kind in kinds:
            sums[outcomes.index(outcome)] += n
    return SummaryRow(
        name=name,
        outcomes=sums,
        wait=_times(stays.by_kind.get((kind, "queue"), {}) for kind in kinds),
        work=_times(stays.by_kind.get((kind, "work"), {}) for kind in kinds),
    )


def _times(histograms: Iterable[Histogram]) -> Times:
    together: Histogram = {}
    for histogram in histograms:
        add(together, histogram.items())
    return Times(percentile(together, 0.5), percentile(together, 0.95), percentile(together, 0.99))
