"""What personal data needs from time to time: requested erasures done, a step each."""

from holdgate.core.db import WriteSession
from holdgate.core.upkeep import SAFETY, Round, Upkeep
from holdgate.personal_data.erasing import PENDING, erase_next


async def _erase(session: WriteSession, sweep: Round) -> bool:
    return await erase_next(session, sweep.settings, sweep.after)


UPKEEP = (Upkeep("erase_people", SAFETY, _erase, PENDING),)
