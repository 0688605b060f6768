"""A database of one's own for each run of tests: copied from a migrated template, emptied before each test."""

import asyncio
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import text
from sqlalchemy.engine import make_url

from holdgate.core.db import Database
from holdgate.core.paths import MIGRATIONS
from holdgate.core.postgres.connections import connection_string
from holdgate.core.postgres.outages import insist
from holdgate.schema import migrate

TEMPLATE = "holdgate_template"
_ALONE = 4_061_887_034  # the key of an advisory lock: one process makes the template

# Without triggers and foreign keys each table is emptied alone, in a twentieth of the time of a TRUNCATE of all; that
# is left for large ones, and for who may not pass over triggers.
_EMPTY = text(
    """
    DO $$ DECLARE names text[]; name text; slow boolean; BEGIN
      SELECT array_agg(quote_ident(tablename)), max(pg_relation_size(quote_ident(tablename)::regclass)) > 4000000
      INTO names, slow FROM pg_tables
      WHERE schemaname = current_schema()
        AND tablename NOT IN ('alembic_version', 'task_transitions', 'rollup', 'log_followers');
      IF slow OR NOT current_setting('is_superuser')::boolean THEN
        EXECUTE 'TRUNCATE ' || array_to_string(names, ', ');
      ELSE
        SET LOCAL session_replication_role = replica;
        FOREACH name IN ARRAY names LOOP EXECUTE 'DELETE FROM ' || name; END LOOP;
      END IF;
      UPDATE rollup SET upto = pg_snapshot_xmin(pg_current_snapshot());
      UPDATE log_followers SET upto = pg_snapshot_xmin(pg_current_snapshot());
    END $$
    """
)


async def empty(database: Database) -> None:
    """Every row of every test before is gone; tables of other schemas stay as they are."""

    async def once() -> None:
        async with database.engine.begin() as connection:
            await connection.execute(_EMPTY)

    await insist(once)  # the test before may have ended the server, or our connections


def with_name(url: str, name: str) -> str:
    """The URL of another database on the same server."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


async def make_database(url: str, name: str, template: str | None = None) -> None:
    """Drop and create `name`, empty or as a copy of `template`."""
    connection = await _connect(url)
    try:
        await _make(connection, name, template)
    finally:
        await connection.close()


async def drop_database(url: str, name: str) -> None:
    connection = await _connect(url)
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await connection.close()


async def make_own(server: str, name: str) -> str:
    """A fresh, migrated database beside the one that `server` names, whose role may create databases. Its URL.

    The template is made once for each version of the schema, and stays for the runs that follow.
    """
    server = re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql+asyncpg://", server)
    template = f"{TEMPLATE}_{_version()}"
    connection = await _connect(server)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _ALONE)
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", template):
            unfinished = f"{template}_new"
            await _make(connection, unfinished, None)
            await asyncio.to_thread(migrate, with_name(server, unfinished))
            await connection.execute(f'ALTER DATABASE "{unfinished}" RENAME TO "{template}"')
        await _make(connection, name, template)
    finally:
        await connection.close()
    return re.sub(r"^postgresql\+asyncpg", "postgresql", with_name(server, name))


async def _connect(url: str) -> Any:
    return await asyncpg.connect(connection_string(url))


async def _make(connection: Any, name: str, template: str | None) -> None:
    await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    await connection.execute(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))


def _version() -> str:
    """Of the schema that the migrations make."""
    known = sha256()
    for path in sorted(Path(MIGRATIONS).rglob("*")):
        if path.suffix in (".py", ".sql"):
            known.update(path.read_bytes())
    return known.hexdigest()[:12]
