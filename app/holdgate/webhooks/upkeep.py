"""What webhooks need from time to time: to be told what has happened."""

from holdgate.core.db import WriteSession
from holdgate.core.upkeep import SAFETY, Round, Upkeep
from holdgate.stats.upkeep import TO_FOLLOW
from holdgate.webhooks import event_consumer


async def _follow(session: WriteSession, sweep: Round) -> bool:
    return await event_consumer.follow_log(session, sweep.settings)


UPKEEP = (Upkeep("tell_webhooks", SAFETY, _follow, TO_FOLLOW),)
