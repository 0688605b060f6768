"""The servers of a test and emptying them."""

from dataclasses import dataclass

from sqlalchemy import text

from app.core.db import Database


@dataclass(frozen=True)
class Servers:
    database_url: str
    redis_url: str


_EMPTY = text(
    """
    DO $$ DECLARE names text; BEGIN
      SELECT string_agg(quote_ident(tablename), ', ') INTO names FROM pg_tables
      WHERE schemaname = 'public'
        AND tablename NOT IN ('alembic_version', 'task_transitions', 'rollup', 'log_followers');
      EXECUTE 'TRUNCATE ' || names || ' RESTART IDENTITY';
      UPDATE rollup SET upto = pg_snapshot_xmin(pg_current_snapshot());
      UPDATE log_followers SET upto = pg_snapshot_xmin(pg_current_snapshot());
    END $$
    """
)


async def empty(database: Database) -> None:
    """Every row of every test before is gone."""
    async with database.engine.begin() as connection:
        await connection.execute(_EMPTY)
