"""/admin/health: what the doctor finds, for administrators."""

import msgspec
from litestar import Response, get
from litestar.params import FromQuery

from holdgate.doctor import examination
from holdgate.doctor.findings import DoctorReport, Health, Installation, worst
from holdgate.web.http.guards import SignedIn, admin_only
from holdgate.web.http.request import WebRequest
from holdgate.web.render import render


class HealthView(msgspec.Struct, frozen=True):
    reports: list[DoctorReport]
    health: Health
    whole: bool


@get("/admin/health", guards=[admin_only], include_in_schema=False)
async def show_health(request: WebRequest, user: SignedIn, all: FromQuery[str] = "") -> Response[str]:
    """What is quick; with `all` also what goes out of the house, which may take seconds and changes nothing either."""
    whole = all == "yes"
    reports = await (examination.examine_all if whole else examination.examine_inside)(patient_of(request))
    view = HealthView(reports, worst(reports), whole)
    return await render(request, "admin/health.html", view, nav="health")


def patient_of(request: WebRequest) -> Installation:
    """The installation that answers this request."""
    state = request.app.state
    return Installation(settings=state.settings, database=state.database, redis=state.redis, head=state.schema_head)


handlers = [show_health]
