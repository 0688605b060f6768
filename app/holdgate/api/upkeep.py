"""What the API needs from time to time: answers kept for a day are forgotten."""

from holdgate.api.idempotency_store import forget_replies
from holdgate.core.db import WriteSession
from holdgate.core.upkeep import CHUNK, RETENTION, Round, Upkeep


async def _forget_replies(session: WriteSession, _: Round) -> bool:
    return await forget_replies(session, limit=CHUNK) == CHUNK


UPKEEP = (Upkeep("forget_replies", RETENTION, _forget_replies),)
