"""Runs the migrations over asyncpg. `app/holdgate/schema.py` hands in the URL; the command line takes DATABASE_URL."""

import asyncio
import os
from contextlib import suppress

from alembic import context
from sqlalchemy import event, pool, text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.schema import CreateSchema

from holdgate.core.config import load
from holdgate.core.postgres.connections import make_engine, quoted, schema_of
from holdgate.core.postgres.outages import AWAY
from holdgate.core.revisions import LOCK_TIMEOUT
from holdgate.schema import MigrationRuns, metadata

LOCK_KEY = 0x48_6F_6C_64  # "Hold": one migration at a time, however many release jobs start
LOOK_EVERY = 0.2  # seconds

given = context.config.attributes
blockers: list[str] = given.get("blockers", [])
url = given.get("url") or load(os.environ).database_url
backend: list[int] = []

BLOCKERS = text(
    """
    SELECT format('session %s (%s, user %s, %s for %s s: %s)', a.pid,
                  coalesce(nullif(a.application_name, ''), 'unnamed'), coalesce(a.usename, '?'), a.state,
                  CAST(extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.state_change)) AS integer),
                  left(regexp_replace(a.query, '\\s+', ' ', 'g'), 100))
    FROM unnest(pg_blocking_pids(:pid)) AS b(pid) JOIN pg_stat_activity a USING (pid)
    """
)


# A statement of somebody whose search_path leads elsewhere writes its events all the same.
TRIGGERS = text(
    """
    DO $$ DECLARE name regprocedure; BEGIN
      FOR name IN
        SELECT oid FROM pg_proc
        WHERE pronamespace = CAST(current_schema() AS regnamespace) AND prorettype = CAST('trigger' AS regtype)
          AND proconfig IS NULL
      LOOP EXECUTE format('ALTER FUNCTION %s SET search_path FROM CURRENT', name); END LOOP;
    END $$
    """
)


def limit(connection: Connection) -> None:
    """Within its transaction, so that it holds behind a pool of connections as well."""
    milliseconds = str(int(1000 * given.get("lock_timeout", LOCK_TIMEOUT)))
    connection.execute(text("SELECT set_config('lock_timeout', :limit, true)"), {"limit": milliseconds})
    backend[:] = [connection.execute(text("SELECT pg_backend_pid()")).scalar_one()]


def own_schema(connection: Connection) -> None:
    """A role that may not make schemas finds the one that an administrator has made for it."""
    schema = schema_of(url)
    if connection.execute(text("SELECT to_regnamespace(:name)"), {"name": quoted(schema)}).scalar() is None:
        connection.execute(CreateSchema(schema, if_not_exists=True))
    connection.commit()


def run(connection: Connection) -> None:
    own_schema(connection)
    event.listen(connection, "begin", limit)
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_server_default=False,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.execute(TRIGGERS)
    connection.commit()


async def alone(guard: AsyncConnection) -> None:
    """Until this connection's transaction ends, nobody else migrates. It does nothing else and is in nobody's way."""
    taken = await guard.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
    if not taken.scalar_one():
        raise MigrationRuns
    # After it, since a query's snapshot stays until the next statement: CREATE INDEX CONCURRENTLY would wait for that.
    await guard.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))


async def look_on(looking: AsyncConnection) -> None:
    """Who is in the way can be seen only while the migration waits."""
    while True:
        if backend:
            async with looking.begin():  # behind a pooler a statement alone may be cut in two
                found = (await looking.execute(BLOCKERS, {"pid": backend[0]})).scalars().all()
            if found:
                blockers[:] = found
        await asyncio.sleep(LOOK_EVERY)


async def main() -> None:
    engine = make_engine(url, pooler=given.get("pooler", False), poolclass=pool.NullPool)
    try:
        async with engine.connect() as guard, engine.connect() as looking, engine.connect() as connection:
            await alone(guard)
            watch = asyncio.create_task(look_on(looking))
            try:
                await connection.run_sync(run)
                await connection.commit()
            finally:
                watch.cancel()
                with suppress(asyncio.CancelledError, *AWAY):
                    await watch
    finally:
        await engine.dispose()


asyncio.run(main())
