"""Two transactions that meet: one that comes while another has not committed, and does not wait long for a deadlock."""

import asyncio
from typing import Any

from sqlalchemy import text

from holdgate.core.db import Database, WriteSession

# Whoever locks in another order than the other is told so here, and not a second later in life.
_IMPATIENT = text("SELECT set_config('deadlock_timeout', '10ms', true), pg_backend_pid()")
_WAITS = text("SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = :pid")


async def impatient(session: WriteSession) -> int:
    """Find deadlocks at once. The process id of its connection."""
    pid: int = (await session.execute(_IMPATIENT)).one()[1]
    return pid


async def until_it_waits(database: Database, pid: int, job: "asyncio.Task[Any]") -> None:
    """For another transaction's lock; or until the job is done, which had nothing to wait for."""
    async with database.autocommit() as watching, asyncio.timeout(30):
        while not job.done() and not await watching.scalar(_WAITS, {"pid": pid}):
            await asyncio.sleep(0)
