"""GET /overview: what needs me now, and how everything stands; one's own for a member, everybody's for an admin."""

from typing import Annotated

from litestar import Response, get
from litestar.params import Parameter

from holdgate.overview.reads import overview_of
from holdgate.stats.rollups import PERIODS
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read
from holdgate.web.render import render

MOST_FAILURES = 5


@get("/overview")
async def show_overview(
    request: WebRequest, user: SignedIn, read: Read, period: Annotated[str, Parameter(max_length=20)] = "hour"
) -> Response[str]:
    state, chosen = request.app.state, PERIODS.get(period, PERIODS["hour"])
    view = await overview_of(state.database, state.settings, read, user, chosen, failures=MOST_FAILURES)
    return await render(request, "overview.html", view, nav="overview", fragment="_overview.html")


handlers = [show_overview]
