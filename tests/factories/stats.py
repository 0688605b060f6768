"""Waiting until all that was written can be read by followers of the log."""

from sqlalchemy import text

from holdgate.core.db import Database
from holdgate.runs.upkeep import TIMED
from holdgate.stats import rollups
from holdgate.tasks.search import words
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
    UPDATE task_log
    SET at = now() - ((SELECT max(id) FROM task_log) - id) * interval '37 s' * random()
    """
)
_SINCE = text(
    """
    UPDATE task_log e SET since = q.since
    FROM (SELECT id, lag(at) OVER (PARTITION BY task_id ORDER BY id) AS since FROM task_log
          WHERE from_state IS DISTINCT FROM to_state) AS q
    WHERE q.id = e.id
    """
)


async def all_final(database: Database) -> None:
    """A transaction of another test, in another database, can hold the horizon back."""

    async def final() -> bool:
        async with database.read() as session:
            return bool(await session.scalar(_FINAL))

    await until(final)


async def backdate(database: Database) -> None:
    async with database.engine.begin() as connection:
        await connection.execute(text("ALTER TABLE task_log DISABLE TRIGGER task_log_immutable"))
        await connection.execute(BACKDATE)
        await connection.execute(_SINCE)
        await connection.execute(text("ALTER TABLE task_log ENABLE TRIGGER task_log_immutable"))


async def index_words(database: Database) -> None:
    """Of all tasks there are, as the sweeper does."""
    await all_final(database)
    more = True
    while more:
        async with database.write("system") as session:
            more = await words.follow_log(session)


async def fold_all(database: Database) -> None:
    await all_final(database)
    more = True
    while more:
        async with database.write("system") as session:
            more = await rollups.fold(session, TIMED)
