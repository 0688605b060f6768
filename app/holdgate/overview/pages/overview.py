"""GET /overview: what needs me now, and how everything stands; one's own for a member, everybody's for an admin."""

from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from litestar import Response, get
from litestar.params import Parameter

from holdgate.overview.charts import PERCENTILES, charts_of
from holdgate.overview.reads import Overview, overview_of
from holdgate.stats.depths import Depth
from holdgate.stats.rollups import PERIODS
from holdgate.web.charts import Chart
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read
from holdgate.web.render import render

MOST_FAILURES = 20  # read, so that those that rise are counted; fewer are shown
KIND = 200  # characters of a name
USUAL = {"period": "hour", "kind": "", "percentile": "p95"}


class OverviewPage(msgspec.Struct, frozen=True, kw_only=True):
    """`chosen`: period, kind and percentile. `kinds`: to choose from.

    `earlier`: how full the queues were when the period began, if that is known.
    """

    all: Overview
    chosen: dict[str, str]
    kinds: list[str]
    charts: list[Chart]
    earlier: Depth | None

    def address(self, **changed: str) -> str:
        """Of this page with something else chosen; what is usual is left out, but for the period."""
        wanted = self.chosen | changed
        return "/overview?" + urlencode(
            {name: value for name, value in wanted.items() if name == "period" or value != USUAL[name]}
        )

    @property
    def oldest(self) -> timedelta | None:
        """How long the task has waited that is ready for longest."""
        return max((line.oldest for line in self.all.queues if line.oldest), default=None)


@get("/overview")
async def show_overview(
    request: WebRequest,
    user: SignedIn,
    read: Read,
    period: Annotated[str, Parameter(max_length=20)] = "hour",
    kind: Annotated[str, Parameter(max_length=KIND)] = "",
    percentile: Annotated[str, Parameter(max_length=20)] = "p95",
) -> Response[str]:
    state, span = request.app.state, PERIODS.get(period, PERIODS["hour"])
    percentile = percentile if percentile in PERCENTILES else USUAL["percentile"]
    found = await overview_of(state.database, state.settings, read, user, span, failures=MOST_FAILURES, shown=kind)
    view = OverviewPage(
        all=found,
        chosen={"period": span.name, "kind": kind, "percentile": percentile},
        kinds=sorted({line.name for line in found.figures.kinds} | ({kind} if kind else set())),
        charts=charts_of(found, span, percentile, kind),
        earlier=_earlier(found.depths, found.figures.points[0].at),
    )
    return await render(request, "overview.html", view, nav="overview", fragment="_overview.html")


def _earlier(depths: dict[str, dict[datetime, Depth]], first: datetime) -> Depth | None:
    """All queues together in the first span of the period."""
    there = [line[first] for line in depths.values() if first in line]
    return Depth(sum(each.ready for each in there), max(each.oldest for each in there)) if there else None


handlers = [show_overview]
