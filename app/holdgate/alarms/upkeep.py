"""What alarms need from time to time: a look at those whose time has come."""

from sqlalchemy import text

from holdgate.alarms import service
from holdgate.core.db import WriteSession
from holdgate.core.upkeep import SAFETY, Round, Upkeep

CHUNK = 100

# Of nobody who is shut out: theirs stay due.
_DUE = text(
    """
    EXISTS (SELECT FROM alarms a JOIN users u ON u.id = a.owner_id
            WHERE a.next_at <= now() AND u.disabled_at IS NULL)
    """
)


async def _check(session: WriteSession, sweep: Round) -> bool:
    return await service.check_due(session, sweep.settings, limit=CHUNK) == CHUNK


UPKEEP = (Upkeep("check_alarms", SAFETY, _check, _DUE),)
