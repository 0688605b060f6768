"""What recovers what got stuck. Every worker sweeps, one at a time under an advisory lock; no task itself.

Once a second one look at the database says which of the features' chores are due (core/upkeep.py); only those take a
transaction. None of them keeps the others waiting: where it meets a lock it gives way, and what it does outside of its
transaction is done beside the loop.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta

from sqlalchemy import Select, TextClause, func, select, true

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.postgres.outages import AWAY, is_away, tell
from holdgate.core.upkeep import Round, Upkeep
from holdgate.feature import parts
from holdgate.runtime.leases import idle_limit

LOCK = 0x5377_6565_70  # "Sweep"
PAUSE = 0.05  # seconds between two rounds while there is more to do, at least
# So long a chore waits for a lock. A connection that fell silent may keep one for half a minute, and until then nobody
# would promote a task or take one back from a lost worker.
LOCK_WAIT = timedelta(seconds=1)

_GIVE_WAY = func.set_config("lock_timeout", str(int(LOCK_WAIT.total_seconds() * 1000)), True).label("lock_timeout")
_LOCKED = select(func.pg_try_advisory_xact_lock(LOCK).label("mine"), _GIVE_WAY)
_UNLOCKED = select(true().label("mine"), _GIVE_WAY)


class Sweeper:
    """Does what is due, each chore in its own transaction, about once a second; sooner while there is more to do."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._swept: float | None = None
        self._away_at = -math.inf
        self._every = min(1.0, settings.lease.total_seconds() / 3)
        self._upkeep: tuple[Upkeep, ...] = tuple(chore for chores in parts("upkeep") for chore in chores)
        self._conditions = list({id(each.due): each.due for each in self._upkeep if each.due is not None}.values())
        self._look_at = _look_at(self._conditions)
        # When each is done whatever is due, and until when it rests.
        self._next = dict.fromkeys((each.name for each in self._upkeep), 0.0)
        self._rests_until = dict.fromkeys((each.name for each in self._upkeep), 0.0)
        self._afterwards: dict[str, asyncio.Task[None]] = {}  # of chores, what is done once they have committed

    def age(self) -> float | None:
        """Seconds since this process last did a chore, which the lock lets only one do, or saw that none was due; None:
        never."""
        return None if self._swept is None else time.monotonic() - self._swept

    async def run(self) -> None:
        """Until cancelled."""
        try:
            await self._sweep()
        finally:
            for job in self._afterwards.values():
                job.cancel()

    async def _sweep(self) -> None:
        while True:
            more, busy = False, 0.0
            for chore in await self._look():
                began = time.monotonic()
                try:
                    again = await self._once(chore)
                except AWAY as error:
                    self._failed(chore.name, error)
                    continue
                ended = time.monotonic()
                if again:
                    more, busy = True, busy + ended - began
                else:
                    self._next[chore.name] = ended + chore.every
                    self._rests_until[chore.name] = ended + chore.share * (ended - began)
            # Workers come first: a long chore takes no more than half of a connection's time.
            await asyncio.sleep(max(PAUSE, busy) if more else self._every)

    async def _look(self) -> list[Upkeep]:
        """What to do in this round. Raises what something done afterwards has raised."""
        for name in [name for name, job in self._afterwards.items() if job.done()]:
            self._afterwards.pop(name).result()
        try:
            async with self._database.autocommit() as connection:
                row = (await connection.execute(self._look_at, {"frozen": idle_limit(self._settings.lease)})).one()
        except AWAY as error:
            self._failed("look", error)
            return []
        due = {id(condition) for condition, found in zip(self._conditions, row, strict=True) if found}
        now = time.monotonic()
        chores = [
            each
            for each in self._upkeep
            if (id(each.due) in due or now >= self._next[each.name])
            and now >= self._rests_until[each.name]
            and each.name not in self._afterwards
        ]
        if not chores:
            self._swept = now
        return chores

    def _failed(self, chore: str, error: Exception) -> None:
        if is_away(error):
            self._away_at = time.monotonic()
        tell("sweep_failed", error, chore=chore)

    async def _once(self, chore: Upkeep) -> bool:
        round = Round(self._database, self._settings, time.monotonic() - self._away_at, [])
        async with self._database.write("system") as session:
            mine = await session.scalar(_LOCKED if chore.locked else _UNLOCKED)
            more = await chore.work(session, round) if mine else False
        if mine and chore.locked:
            self._swept = time.monotonic()
        if round.after:
            self._afterwards[chore.name] = asyncio.create_task(self._do_after(chore.name, round.after))
        return more

    async def _do_after(self, chore: str, works: Iterable[Callable[[], Awaitable[object]]]) -> None:
        """The chore is not begun again before, and rests as long as this took."""
        began = time.monotonic()
        try:
            for work in works:
                await work()
        except AWAY as error:
            self._failed(chore, error)
        ended = time.monotonic()
        self._rests_until[chore] = max(self._rests_until[chore], ended + ended - began)


def _look_at(conditions: Iterable[TextClause]) -> Select[tuple[bool, ...]]:
    """One row that says of each condition whether it holds."""
    return select(*conditions)
