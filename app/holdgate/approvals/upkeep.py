"""What approval requests need from time to time: their end when time is over, and a reminder before."""

from sqlalchemy import text

from holdgate.approvals.requests import expiring, reminding
from holdgate.core.db import WriteSession
from holdgate.core.upkeep import SAFETY, Round, Upkeep

_EXPIRED = text("EXISTS (SELECT FROM approvals WHERE state = 'pending' AND expires_at <= now())")
_TO_REMIND = text("EXISTS (SELECT FROM approvals WHERE state = 'pending' AND remind_at <= now())")


async def _expire(session: WriteSession, round: Round) -> bool:
    return await expiring.expire_due(session, signup=round.settings.signup) > 0


async def _remind(session: WriteSession, _: Round) -> bool:
    return await reminding.remind_due(session) == reminding.CHUNK


UPKEEP = (
    Upkeep("expire_approvals", SAFETY, _expire, _EXPIRED),
    Upkeep("remind", SAFETY, _remind, _TO_REMIND),
)
