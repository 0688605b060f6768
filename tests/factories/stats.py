"""Waiting until all that was written can be read by followers of the log."""

from sqlalchemy import text

from holdgate.core.db import Database
from holdgate.runs.upkeep import TIMED
from holdgate.stats import rollups
from tests.factories.workers import until

_FINAL = text(
    """
    SELECT NOT EXISTS (SELECT FROM task_events WHERE xid >= pg_snapshot_xmin(pg_current_snapshot()))
       AND NOT EXISTS (SELECT FROM run_events WHERE xid >= pg_snapshot_xmin(pg_current_snapshot()))
    """
)
# The log cannot be changed; a test moves its past by taking the guard away for one transaction.
BACKDATE = text(
    """
    UPDATE task_events
    SET at = now() - ((SELECT max(id) FROM task_events) - id) * interval '37 s' * random()
    """
)


async def all_final(database: Database) -> None:
    """A transaction of another test, in another database, can hold the horizon back."""

    async def final() -> bool:
        async with database.read() as session:
            return bool(await session.scalar(_FINAL))

    await until(final, 60)


async def backdate(database: Database) -> None:
    async with database.engine.begin() as connection:
        await connection.execute(text("ALTER TABLE task_events DISABLE TRIGGER task_events_immutable"))
        await connection.execute(BACKDATE)
        await connection.execute(text("ALTER TABLE task_events ENABLE TRIGGER task_events_immutable"))


async def fold_all(database: Database) -> None:
    await all_final(database)
    more = True
    while more:
        async with database.write("system") as session:
            more = await rollups.fold(session, TIMED)
