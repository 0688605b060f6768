"""What mail needs from time to time: the log followed for mails that ended unsent."""

from holdgate.core.db import WriteSession
from holdgate.core.upkeep import SAFETY, Round, Upkeep
from holdgate.mail import event_consumer
from holdgate.stats.upkeep import TO_FOLLOW


async def _follow(session: WriteSession, _: Round) -> bool:
    return await event_consumer.follow_log(session)


UPKEEP = (Upkeep("follow_mails", SAFETY, _follow, TO_FOLLOW),)
