"""The charts of the overview: throughput, queue and run times, and for administrators how full the queues were."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from holdgate.overview.reads import Overview
from holdgate.stats.depths import Depth
from holdgate.stats.rollups import Period
from holdgate.stats.summaries import Point, Times
from holdgate.web.charts import Chart, Row, Series, Unit

PERCENTILES = ("p50", "p95", "p99")
MOST_QUEUES = 5  # with a line of their own, the fullest
EACH = {"hour": "minute", "day": "15 min", "week": "2 h"}


def charts_of(found: Overview, period: Period, percentile: str, kind: str) -> list[Chart]:
    """Without those of which nothing has been kept."""
    figures = [
        _throughput(found, period, kind),
        _times(found, period, percentile, kind, "wait", "Queue time", "queued", lambda point: point.wait),
        _times(found, period, percentile, kind, "work", "Run time", "running", lambda point: point.work),
    ]
    if not found.depths:
        return figures
    queues = _fullest(found.depths)
    each = EACH[period.name]
    return [
        *figures,
        _queues(found, period, queues, "depth", "tasks", f"Queued, most in each {each}", lambda depth: depth.ready),
        _queues(found, period, queues, "oldest", "seconds", f"Longest wait in each {each}", lambda depth: depth.oldest),
    ]


def tasks_of(at: datetime, span: timedelta, kind: str, what: str = "finished") -> str:
    """Where the tasks are found that finished, or were created, in the span."""
    times = {f"{what}_after": at, f"{what}_before": at + span}
    query = {name: f"{time.astimezone(UTC):%Y-%m-%dT%H:%MZ}" for name, time in times.items()}
    return "/tasks?" + urlencode(({"kind": kind} if kind else {}) | query)


def _throughput(found: Overview, period: Period, kind: str) -> Chart:
    span = timedelta(minutes=period.span)
    return Chart(
        key="throughput",
        title=f"Tasks per {EACH[period.name]}",
        form="stacked",
        unit="tasks",
        series=[Series("Succeeded", "succeeded"), Series("Retries", "retrying"), Series("Failed", "dead_letter")],
        rows=[Row(point.at, point.outcomes, tasks_of(point.at, span, kind)) for point in found.figures.points],
        span=span,
    )


def _times(
    found: Overview,
    period: Period,
    percentile: str,
    kind: str,
    key: str,
    title: str,
    look: str,
    of: Callable[[Point], Times],
) -> Chart:
    span = timedelta(minutes=period.span)
    names = ["p50", percentile] if percentile != "p50" else ["p50"]
    return Chart(
        key=key,
        title=title,
        form="layered",
        unit="seconds",
        series=[Series(name, look, light=n > 0) for n, name in enumerate(names)],
        rows=[
            Row(point.at, [getattr(of(point), name) for name in names], tasks_of(point.at, span, kind))
            for point in found.figures.points
        ],
        span=span,
    )


def _fullest(depths: dict[str, dict[datetime, Depth]]) -> dict[str, dict[datetime, Depth]]:
    """By name, those with the most tasks; the others as one."""
    by_peak = sorted(depths, key=lambda name: (-max(each.ready for each in depths[name].values()), name))
    lines = {name: depths[name] for name in sorted(by_peak[:MOST_QUEUES])}
    together: dict[datetime, Depth] = {}
    for name in by_peak[MOST_QUEUES:]:
        for at, each in depths[name].items():
            there = together.get(at, Depth(0, 0))
            together[at] = Depth(there.ready + each.ready, max(there.oldest, each.oldest))
    return lines | ({"Other queues": together} if together else {})


def _queues(
    found: Overview,
    period: Period,
    queues: dict[str, dict[datetime, Depth]],
    key: str,
    unit: Unit,
    title: str,
    of: Callable[[Depth], float],
) -> Chart:
    span = timedelta(minutes=period.span)
    rows = []
    for point in found.figures.points:
        there = [line.get(point.at) for line in queues.values()]
        values = [None if depth is None else of(depth) for depth in there]
        rows.append(Row(point.at, values, tasks_of(point.at, span, "", "created")))
    series = [Series(name, str(n)) for n, name in enumerate(queues, 1)]
    return Chart(key=key, title=title, form="lines", unit=unit, series=series, rows=rows, span=span)
