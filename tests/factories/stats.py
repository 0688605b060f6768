"""Waiting until all that was written can be read by followers of the log."""

from sqlalchemy import text

from holdgate.core.db import Database
from tests.factories.workers import until

_FINAL = text(
    """
    SELECT NOT EXISTS (SELECT FROM task_events WHERE xid >= pg_snapshot_xmin(pg_current_snapshot()))
       AND NOT EXISTS (SELECT FROM run_events WHERE xid >= pg_snapshot_xmin(pg_current_snapshot()))
    """
)


async def all_final(database: Database) -> None:
    """A transaction of another test, in another database, can hold the horizon back."""

    async def final() -> bool:
        async with database.read() as session:
            return bool(await session.scalar(_FINAL))

    await until(final, 60)
