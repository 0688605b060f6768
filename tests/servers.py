"""The servers of a test, its settings, and what its database holds when it begins."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.testing.database import empty as empty


@dataclass(frozen=True)
class Servers:
    database_url: str
    redis_url: str


def settings_of(servers: Servers, data_dir: Path) -> Settings:
    return Settings(
        database_url=servers.database_url,
        redis_url=servers.redis_url,
        secret_keys=("a-key-for-tests-only-0123456789abcdef",),
        data_dir=data_dir,
        rate_limit_max=100_000,  # tests press more buttons in a minute than people do
        approval_undo=timedelta(),  # no test waits for it, but those of it
    )


_KEEP = text(
    """
    DO $$ DECLARE name text; BEGIN
      DROP SCHEMA IF EXISTS kept CASCADE;
      CREATE SCHEMA kept;
      FOR name IN
        SELECT tablename FROM pg_tables
        WHERE schemaname = current_schema() AND tablename NOT IN ('alembic_version', 'task_transitions')
      LOOP
        EXECUTE format('CREATE TABLE kept.%1$I AS TABLE %1$I', name);
      END LOOP;
    END $$
    """
)
_COLUMNS = text(
    """
    SELECT quote_ident(t.relname), string_agg(quote_ident(a.attname), ', ')
    FROM pg_class k JOIN pg_class t ON t.relname = k.relname JOIN pg_attribute a ON a.attrelid = t.oid
    WHERE k.relnamespace = 'kept'::regnamespace AND t.relnamespace = current_schema()::regnamespace
      AND t.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    GROUP BY t.relname
    """
)


@asynccontextmanager
async def kept(database: Database) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """A function that puts back what the database holds now, for tests that all begin with much of the same.

    It takes as long as emptying it. Only a superuser may, for triggers and foreign keys are passed over.
    """
    async with database.engine.begin() as connection:
        await connection.execute(_KEEP)
        tables = (await connection.execute(_COLUMNS)).all()
    copies = "".join(
        f"DELETE FROM {name}; INSERT INTO {name} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM kept.{name};"
        for name, columns in tables
    )
    put = text(f"DO $$ BEGIN SET LOCAL session_replication_role = replica; {copies} END $$")

    async def put_back() -> None:
        async with database.engine.begin() as connection:
            await connection.execute(put)

    try:
        yield put_back
    finally:
        async with database.engine.begin() as connection:
            await connection.execute(text("DROP SCHEMA kept CASCADE"))
