"""The schedules that a token made, or changed last: they go on when it is revoked, unless they are paused with it."""

from uuid import UUID

from holdgate.accounts.tokens.uses import Use
from holdgate.core.db import Session, WriteSession
from holdgate.core.principal import Principal
from holdgate.schedules import queries, service
from holdgate.schedules.service import ScheduleVerb


async def uses_of(session: Session, by: Principal, token_id: UUID) -> list[Use]:
    found = await queries.schedules_of_token(session, by.id, token_id)
    return [Use("schedule", schedule.name, f"/schedules/{schedule.id}") for schedule in found]


async def pause_uses(session: WriteSession, by: Principal, token_id: UUID) -> None:
    for schedule in await queries.schedules_of_token(session, by.id, token_id):
        await service.act(session, by, schedule.id, ScheduleVerb.PAUSE)
