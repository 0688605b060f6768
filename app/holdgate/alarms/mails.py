"""The email of an alarm that has begun to fire."""

from typing import Any
from uuid import UUID

import msgspec

from holdgate.alarms import queries
from holdgate.core.config import Settings
from holdgate.core.db import WriteSession
from holdgate.core.text.masking import masked_text
from holdgate.mail.errors import NotNeeded
from holdgate.mail.letters import PlainLetter


class AlarmFired(msgspec.Struct, frozen=True):
    alarm_id: UUID


class AlarmLetter(PlainLetter):
    Data: type[msgspec.Struct] = AlarmFired

    async def prepare(self, session: WriteSession, data: AlarmFired, settings: Settings) -> dict[str, Any]:
        alarm = await queries.find_alarm(session, data.alarm_id, None)
        if alarm is None:
            raise NotNeeded("The alarm was deleted.")
        look = {"failures": "/dead-letters", "queue_wait": "/queues"}.get(alarm.condition, "/schedules")
        return {
            "found": masked_text(alarm.detail),
            "recovered": alarm.recovered_at is not None,
            "look": settings.base_url + look,
            "url": f"{settings.base_url}/settings/alarms",
        }
