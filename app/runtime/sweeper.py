"""The beats that recover what got stuck. Every worker sweeps, one at a time under an advisory lock; no task itself."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from sqlalchemy import func, select

from app.accounts import service as accounts
from app.approvals import service as approvals
from app.core import log
from app.core.config import Settings
from app.core.db import AWAY, Database, WriteSession
from app.postings.imports import forget_old_imports
from app.runs import service as runs
from app.runtime import workers
from app.stats import queries as stats
from app.tasks import queries as tasks
from app.tasks.service import announce_ready

LOCK = 0x5377_6565_70  # "Sweep"
CHUNK = 1000
FORGET_EVERY = 60.0  # seconds

logger = log.get(__name__)


class Sweeper:
    """Runs the beats, each in its own transaction, about once a second; sooner while there is more to do."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._forget_at = 0.0
        self._every = min(1.0, settings.lease.total_seconds() / 3)
        self._beats: tuple[Callable[[WriteSession], Awaitable[bool]], ...] = (
            self._promote,
            self._recover,
            self._expire,
            runs.settle,
            self._fold,
            self._forget,
        )

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            more = False
            for beat in self._beats:
                try:
                    more = await self._once(beat) or more
                except AWAY as error:
                    logger.warning("sweep_failed", beat=getattr(beat, "__name__", "?"), error=repr(error))
            await asyncio.sleep(0.01 if more else self._every)

    async def _once(self, beat: Callable[[WriteSession], Awaitable[bool]]) -> bool:
        async with self._database.write("system") as session:
            locked = await session.execute(select(func.pg_try_advisory_xact_lock(LOCK)))
            return await beat(session) if locked.scalar_one() else False

    async def _promote(self, session: WriteSession) -> bool:
        moved = await tasks.promote_due(session, limit=CHUNK)
        await runs.pause_stragglers(session, [row.id for row in moved])
        announce_ready(session, moved)
        return len(moved) == CHUNK

    async def _recover(self, session: WriteSession) -> bool:
        moved = await tasks.recover_lost(session, most=self._settings.max_lease_losses, limit=CHUNK)
        for row in moved:
            logger.warning("lease_lost", task=str(row.id), state=row.state)
        announce_ready(session, moved)
        return len(moved) == CHUNK

    async def _expire(self, session: WriteSession) -> bool:
        return await approvals.expire_due(session) > 0

    async def _fold(self, session: WriteSession) -> bool:
        await stats.fold_events(session)
        return False

    async def _forget(self, session: WriteSession) -> bool:
        """What is of no use any more: killed workers, abandoned imports, sign-in links and sessions long over."""
        if time.monotonic() < self._forget_at:
            return False
        self._forget_at = time.monotonic() + FORGET_EVERY
        await workers.forget_dead(session)
        await forget_old_imports(session)
        await accounts.forget_ended(session)
        return False
