"""What the doctor finds, for programs of administrators."""

import msgspec

from holdgate.api.routes import get
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.doctor import examination
from holdgate.doctor.findings import DoctorReport, Health, worst
from holdgate.doctor.views import patient_of
from holdgate.web.http.request import WebRequest


class Examination(msgspec.Struct, frozen=True):
    """`health`: the worst of the checks. Each says how it stands and, when it is not well, what to do."""

    health: Health
    checks: list[DoctorReport]


@get("/doctor", scope=Scope.ADMIN, tag="People", summary="Examine the installation")
async def get_examination(request: WebRequest, user: Principal) -> Examination:
    """What is quick and asks nobody outside; 200 also when something is not well. `holdgate doctor` does it all."""
    reports = await examination.examine_inside(patient_of(request))
    return Examination(worst(reports), reports)


handlers = [get_examination]
