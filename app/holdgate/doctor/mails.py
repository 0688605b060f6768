"""The email to administrators about what the doctor has found."""

from typing import Any

import msgspec

from holdgate.core.config import Settings
from holdgate.core.db import WriteSession
from holdgate.doctor.findings import DoctorReport
from holdgate.mail.letters import PlainLetter


class DoctorData(msgspec.Struct, frozen=True):
    findings: list[DoctorReport]


class DoctorLetter(PlainLetter):
    Data: type[msgspec.Struct] = DoctorData

    async def prepare(self, session: WriteSession, data: DoctorData, settings: Settings) -> dict[str, Any]:
        return {"findings": data.findings, "url": f"{settings.base_url}/admin/health"}
