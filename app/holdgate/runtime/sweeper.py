"""What recovers what got stuck. Every worker sweeps, one at a time under an advisory lock; no task itself.

Once a second one look at the database says what is due (due.py); only that takes a transaction.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from sqlalchemy import func, select

from holdgate.accounts import service as accounts
from holdgate.api.idempotency_store import forget_replies
from holdgate.approvals.requests import deciding, reminding
from holdgate.bulk import service as bulk
from holdgate.core.config import Settings
from holdgate.core.db import AWAY, Database, WriteSession, is_away
from holdgate.core.telemetry import log
from holdgate.mail import event_consumer as mails
from holdgate.postings.imports.service import forget_old_imports
from holdgate.runs import event_consumer
from holdgate.runs import service as runs
from holdgate.runs.states import STAGES, Stage
from holdgate.runtime import due, workers
from holdgate.runtime.attempts import suspects
from holdgate.runtime.leases import idle_limit
from holdgate.schedules import service as schedules
from holdgate.schedules.service import OWNER_DISABLED
from holdgate.stats import queries as stats
from holdgate.stats import restore, rollups
from holdgate.tasks.artifacts import forget_files
from holdgate.tasks.failures import fingerprints, groups
from holdgate.tasks.queue import limits, orphans, retention
from holdgate.tasks.queue import moves as tasks
from holdgate.tasks.service import announce_ready
from holdgate.webhooks import event_consumer as webhooks

LOCK = 0x5377_6565_70  # "Sweep"
CHUNK = 1000
PRUNE_CHUNK = 500
PAUSE = 0.05  # seconds between two rounds while there is more to do, at least
SCHEDULES = 100
NET = 300.0  # seconds after which a chore is done although the look has not found it due
FORGET_EVERY = 60.0  # seconds
STRAYS_EVERY = 15.0
ADD_UP_PART = 50  # adding up the counts of errors takes at most one part in so many of the time

# The stages whose length is worth a histogram.
TIMED = {state.value: stage.value for state, stage in STAGES.items() if stage is not Stage.LATER}

logger = log.get(__name__)


class Upkeep(NamedTuple):
    """A chore. `due`: its name in the look; empty: by the clock alone, every so many seconds. `locked`: only one worker
    at a time. True: there is more."""

    work: Callable[[WriteSession], Awaitable[bool]]
    due: str = ""
    every: float = NET
    locked: bool = True


class Sweeper:
    """Does what is due, each chore in its own transaction, about once a second; sooner while there is more to do."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._files: list[str] = []
        self._add_up_at = 0.0
        self._swept: float | None = None
        self._away_at = -math.inf
        self._every = min(1.0, settings.lease.total_seconds() / 3)
        self._frozen = idle_limit(settings.lease)
        self._upkeep = (
            # Without the lock: that is what they keep.
            Upkeep(self._end_frozen, "frozen", locked=False),
            Upkeep(self._promote, "promote"),
            Upkeep(self._recover, "recover"),
            Upkeep(self._start_scheduled, "schedules"),
            Upkeep(self._mark_limited, "limits"),
            Upkeep(self._bury_overdue, "overdue"),
            Upkeep(self._expire, "expire"),
            Upkeep(self._remind, "remind"),
            Upkeep(runs.settle, "runs"),
            Upkeep(bulk.advance, "bulk"),
            Upkeep(self._rebase, every=FORGET_EVERY),
            Upkeep(self._fold, "counts"),
            Upkeep(self._add_up_errors, "counts", every=FORGET_EVERY),
            Upkeep(event_consumer.follow_log, "followers"),
            Upkeep(self._fold_minutes, "followers"),
            Upkeep(self._tell_webhooks, "followers"),
            Upkeep(mails.follow_log, "followers"),
            Upkeep(self._prune, every=FORGET_EVERY),
            Upkeep(self._bury_strays, every=STRAYS_EVERY),
            Upkeep(self._name_errors, every=STRAYS_EVERY),
            Upkeep(self._forget, every=FORGET_EVERY),
        )
        self._next = dict.fromkeys(self._upkeep, 0.0)

    def age(self) -> float | None:
        """Seconds since this process last did a chore, which the lock lets only one do, or saw that none was due; None:
        never."""
        return None if self._swept is None else time.monotonic() - self._swept

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            more, busy = False, 0.0
            for chore in await self._look():
                began = time.monotonic()
                try:
                    if await self._once(chore):
                        more, busy = True, busy + time.monotonic() - began
                    else:
                        self._next[chore] = time.monotonic() + chore.every
                except AWAY as error:
                    self._files = []
                    self._failed(getattr(chore.work, "__name__", "?"), error)
            # Workers come first: a long chore takes no more than half of a connection's time.
            await asyncio.sleep(max(PAUSE, busy) if more else self._every)

    async def _look(self) -> list[Upkeep]:
        """What to do in this round."""
        try:
            found = await due.due(self._database, paused_by=OWNER_DISABLED, frozen=self._frozen)
        except AWAY as error:
            self._failed("look", error)
            return []
        now = time.monotonic()
        chores = [each for each in self._upkeep if each.due in found or now >= self._next[each]]
        if not chores:
            self._swept = now
        return chores

    def _failed(self, chore: str, error: Exception) -> None:
        if is_away(error):
            self._away_at = time.monotonic()
        logger.warning("sweep_failed", beat=chore, error=repr(error))

    async def _once(self, chore: Upkeep) -> bool:
        async with self._database.write("system") as session:
            mine = not chore.locked or await session.scalar(select(func.pg_try_advisory_xact_lock(LOCK)))
            more = await chore.work(session) if mine else False
        if mine and chore.locked:
            self._swept = time.monotonic()
        if self._files:
            # Only now: rows that came back by a rollback must have their files.
            files, self._files = self._files, []
            await forget_files(self._settings, files)
        return more

    async def _end_frozen(self, session: WriteSession) -> bool:
        for pid in await workers.end_frozen(session, self._frozen):
            logger.warning("frozen_connection_ended", pid=pid)
        return False

    async def _promote(self, session: WriteSession) -> bool:
        moved = await tasks.promote_due(session, limit=CHUNK)
        announce_ready(session, moved)
        return len(moved) == CHUNK

    async def _recover(self, session: WriteSession) -> bool:
        # While the database is away nobody can renew a lease. Back again, workers first get the time to do so.
        if time.monotonic() - self._away_at < self._settings.lease.total_seconds() / 3:
            return False
        moved = await tasks.recover_lost(session, most=self._settings.max_lease_losses, limit=CHUNK)
        for row in moved:
            logger.warning("lease_lost", task=str(row.id), state=row.state)
        if moved:
            session.announce(suspects.TOPIC)
        return len(moved) == CHUNK

    async def _start_scheduled(self, session: WriteSession) -> bool:
        return await schedules.fire_due(session, limit=SCHEDULES) == SCHEDULES

    async def _mark_limited(self, session: WriteSession) -> bool:
        return await limits.settle(session, limit=CHUNK)

    async def _bury_overdue(self, session: WriteSession) -> bool:
        return len(await tasks.bury_overdue(session, limit=CHUNK)) == CHUNK

    async def _expire(self, session: WriteSession) -> bool:
        return await deciding.expire_due(session) > 0

    async def _remind(self, session: WriteSession) -> bool:
        return await reminding.remind_due(session) == reminding.CHUNK

    async def _rebase(self, session: WriteSession) -> bool:
        await restore.rebase(session)
        return False

    async def _fold(self, session: WriteSession) -> bool:
        return await stats.fold_events(session)

    async def _add_up_errors(self, session: WriteSession) -> bool:
        """Every row is read: where many people have many errors, that is not for every second."""
        began = time.monotonic()
        if began < self._add_up_at:
            return False
        await groups.add_up(session)
        ended = time.monotonic()
        self._add_up_at = ended + ADD_UP_PART * (ended - began)
        return False

    async def _fold_minutes(self, session: WriteSession) -> bool:
        return await rollups.fold(session, TIMED)

    async def _tell_webhooks(self, session: WriteSession) -> bool:
        return await webhooks.follow_log(session, self._settings)

    async def _prune(self, session: WriteSession) -> bool:
        """Tasks that finished long ago; once a minute, and on and on in small chunks while there are some."""
        if self._settings.retention is None:
            return False
        pruned = await retention.prune_tasks(session, self._settings.retention, limit=PRUNE_CHUNK)
        self._files = pruned.files
        forgotten = await bulk.forget_members(session, self._settings.retention, limit=10 * PRUNE_CHUNK)
        return pruned.tasks == PRUNE_CHUNK or forgotten == 10 * PRUNE_CHUNK

    async def _bury_strays(self, session: WriteSession) -> bool:
        """Tasks that nobody serves and tasks that run for ever, when that is set; a few times a minute."""
        moved = []
        if self._settings.stuck_timeout is not None:
            moved += await orphans.bury_stuck(session, self._settings.stuck_timeout, limit=CHUNK)
        if self._settings.orphan_timeout is not None:
            await orphans.note_orphans(session)
            moved += await orphans.bury_orphans(session, self._settings.orphan_timeout, limit=CHUNK)
        for row in moved[:100]:
            logger.warning("stray_buried", task=str(row.id), queue=row.queue)
        return len(moved) >= CHUNK

    async def _name_errors(self, session: WriteSession) -> bool:
        """Fingerprints for dead letters that came without one; a few times a minute."""
        return await fingerprints.fill_missing(session, limit=CHUNK) == CHUNK

    async def _forget(self, session: WriteSession) -> bool:
        """What is of no use any more: killed workers, abandoned imports, sign-in links and sessions long over."""
        await workers.forget_dead(session)
        await forget_old_imports(session)
        await accounts.forget_ended(session)
        await rollups.forget_old(session)
        return await forget_replies(session, limit=CHUNK) == CHUNK
