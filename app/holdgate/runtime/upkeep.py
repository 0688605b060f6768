"""The workers' own upkeep: leases that ran out, workers that have frozen or are gone."""

from sqlalchemy import text

from holdgate.core.db import WriteSession
from holdgate.core.telemetry import log
from holdgate.core.upkeep import CHUNK, MINUTE, SAFETY, Round, Upkeep
from holdgate.runtime import workers
from holdgate.runtime.attempts import suspects
from holdgate.runtime.leases import idle_limit
from holdgate.tasks.queue import moves

logger = log.get(__name__)

# As workers.end_frozen. `:frozen` is how long a worker may leave a statement half said; the sweeper fills it in.
_FROZEN = text(f"EXISTS (SELECT {workers.HALF_SAID})").bindparams(worker=workers.NAME, others=workers.OTHERS)
_LOST = text("EXISTS (SELECT FROM tasks WHERE state = 'running' AND lease_expires_at < now())")


async def _end_frozen(session: WriteSession, sweep: Round) -> bool:
    for pid in await workers.end_frozen(session, idle_limit(sweep.settings.lease)):
        logger.warning("frozen_connection_ended", pid=pid)
    return False


async def _recover_lost(session: WriteSession, sweep: Round) -> bool:
    # While the database is away nobody can renew a lease. Back again, workers first get the time to do so.
    if sweep.answered_for < sweep.settings.lease.total_seconds() / 3:
        return False
    return await _take_back(session, sweep)


async def _take_back(session: WriteSession, sweep: Round) -> bool:
    moved = await moves.recover_lost(session, most=sweep.settings.max_lease_losses, limit=CHUNK)
    for row in moved:
        logger.warning("lease_lost", task=str(row.id), state=row.state)
    if moved:
        session.announce(suspects.TOPIC)
    return len(moved) == CHUNK


async def _recover_gone(session: WriteSession, sweep: Round) -> bool:
    """As soon as a worker is gone, without waiting for its leases."""
    if sweep.answered_for < sweep.settings.lease.total_seconds() / 3:
        return False
    gone, missed = await workers.end_leases_of_gone(session)
    for worker in gone:
        logger.warning("worker_gone", worker=str(worker))
    return await _take_back(session, sweep) or missed


async def _forget_dead(session: WriteSession, _: Round) -> bool:
    await workers.forget_dead(session)
    return False


UPKEEP = (
    # Without the lock: that is what a frozen connection keeps.
    Upkeep("end_frozen", SAFETY, _end_frozen, _FROZEN, locked=False),
    Upkeep("recover_lost", SAFETY, _recover_lost, _LOST),
    Upkeep("recover_gone", SAFETY, _recover_gone, workers.GONE),
    Upkeep("forget_workers", MINUTE, _forget_dead),
)
