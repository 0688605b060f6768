"""What applications need from time to time: those that nobody has answered for three weeks stand so."""

from holdgate.applications import service
from holdgate.core.db import WriteSession
from holdgate.core.upkeep import CHUNK, MINUTE, Round, Upkeep


async def _lapse(session: WriteSession, _: Round) -> bool:
    return await service.lapse(session, limit=CHUNK) == CHUNK


UPKEEP = (Upkeep("applications_without_answer", 10 * MINUTE, _lapse),)
