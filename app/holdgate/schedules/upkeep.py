"""What schedules need from time to time: the tasks of those that are due."""

from sqlalchemy import text

from holdgate.core.db import WriteSession
from holdgate.core.upkeep import SAFETY, Round, Upkeep
from holdgate.schedules import queries, service

CHUNK = 100

# A schedule is paused, with that noted, when its owner is disabled, and goes on when they are enabled again.
_DUE = text(
    """
    EXISTS (SELECT FROM schedules s JOIN users u ON u.id = s.owner_id
            WHERE (s.paused_at IS NULL
                   AND (u.disabled_at IS NOT NULL
                        OR s.next_at <= now() AND (s.retry_at IS NULL OR s.retry_at <= now())))
               OR (s.paused_by = :paused_by AND u.disabled_at IS NULL))
    """
).bindparams(paused_by=queries.OWNER_DISABLED)


async def _fire(session: WriteSession, _: Round) -> bool:
    return await service.fire_due(session, limit=CHUNK) == CHUNK


UPKEEP = (Upkeep("fire_schedules", SAFETY, _fire, _DUE),)
