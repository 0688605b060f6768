"""The schedules that a token made, or changed last: they go on when it is revoked, unless they are paused with it."""

from uuid import UUID

from app.accounts.token_uses import Use
from app.core.db import Session, WriteSession
from app.core.principal import Principal
from app.schedules import queries, service
from app.schedules.service import ScheduleVerb


async def uses_of(session: Session, by: Principal, token_id: UUID) -> list[Use]:
    found = await queries.schedules_of_token(session, by.id, token_id)
    return [Use("schedule", schedule.name, f"/schedules/{schedule.id}") for schedule in found]


async def pause_uses(session: WriteSession, by: Principal, token_id: UUID) -> None:
    for schedule in await queries.schedules_of_token(session, by.id, token_id):
        await service.act(session, by, schedule.id, ScheduleVerb.PAUSE)
