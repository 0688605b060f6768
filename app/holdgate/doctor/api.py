"""What the doctor finds, for programs of administrators."""

from typing import Any

import msgspec
from litestar import Response

from holdgate.api.endpoints import JSON, endpoint
from holdgate.core.scopes import Scope
from holdgate.doctor import examination
from holdgate.doctor.findings import DoctorReport, Health, worst
from holdgate.doctor.views import patient_of
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest


class Examination(msgspec.Struct, frozen=True):
    """`health`: the worst of the checks. Each says how it stands and, when it is not well, what to do."""

    health: Health
    checks: list[DoctorReport]


@endpoint(
    "GET",
    "/doctor",
    scope=Scope.ADMIN,
    tag="People",
    summary="Examine the installation",
    answers={200: Examination},
)
async def get_examination(request: WebRequest, user: SignedIn) -> Response[Any]:
    """What is quick and asks nobody outside; 200 also when something is not well. `holdgate doctor` does it all."""
    reports = await examination.examine_inside(patient_of(request))
    return Response(msgspec.json.encode(Examination(worst(reports), reports)), media_type=JSON)


handlers = [get_examination]
