"""What bulk actions need from time to time: their next chunk, and the tasks of old ones forgotten."""

from sqlalchemy import text

from holdgate.bulk import queries, service
from holdgate.core.db import WriteSession
from holdgate.core.upkeep import RETENTION, SAFETY, Round, Upkeep

MEMBERS_CHUNK = 5000

_NEXT_CHUNK = text("EXISTS (SELECT FROM bulk_actions WHERE state IN ('running', 'waiting') AND due_at <= now())")


async def _advance(session: WriteSession, _: Round) -> bool:
    return await service.advance(session)


async def _forget_members(session: WriteSession, sweep: Round) -> bool:
    if sweep.settings.retention is None:
        return False
    return await queries.forget_members(session, sweep.settings.retention, limit=MEMBERS_CHUNK) == MEMBERS_CHUNK


UPKEEP = (
    Upkeep("advance_bulk", SAFETY, _advance, _NEXT_CHUNK),
    Upkeep("forget_bulk_members", RETENTION, _forget_members),
)
