"""What accounts need from time to time: sign-in links and sessions long over are forgotten."""

from holdgate.accounts import service
from holdgate.core.db import WriteSession
from holdgate.core.upkeep import RETENTION, Round, Upkeep


async def _forget_ended(session: WriteSession, _: Round) -> bool:
    await service.forget_ended(session)
    return False


UPKEEP = (Upkeep("forget_ended", RETENTION, _forget_ended),)
