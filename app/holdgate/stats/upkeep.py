"""What counting needs from time to time: the log's events folded, queues sampled, and what is old forgotten."""

from sqlalchemy import text

from holdgate.core.db import WriteSession
from holdgate.core.upkeep import MINUTE, RETENTION, SAFETY, Round, Upkeep
from holdgate.stats import counts, depths, restore, rollups

# An event that is not final yet counts as well: its transaction may end before the chore begins.
NEW_EVENTS = text("(SELECT upto FROM rollup) <= (SELECT xid FROM task_log ORDER BY xid DESC LIMIT 1)")
TO_FOLLOW = text(
    """
    EXISTS (SELECT FROM log_followers WHERE upto <= (SELECT xid FROM task_log ORDER BY xid DESC LIMIT 1)
                                         OR upto <= (SELECT xid FROM run_events ORDER BY xid DESC LIMIT 1))
    """
)


async def _rebase(session: WriteSession, _: Round) -> bool:
    await restore.rebase(session)
    return False


async def _fold(session: WriteSession, _: Round) -> bool:
    return await counts.fold_events(session)


async def _sample(session: WriteSession, _: Round) -> bool:
    await depths.sample(session)
    return False


async def _forget_old(session: WriteSession, _: Round) -> bool:
    await rollups.forget_old(session)
    return False


UPKEEP = (
    Upkeep("rebase", MINUTE, _rebase),
    Upkeep("fold_counts", SAFETY, _fold, NEW_EVENTS),
    Upkeep("sample_queues", MINUTE, _sample),
    Upkeep("forget_minutes", RETENTION, _forget_old),
)
