"""Runs the migrations over asyncpg. `app/schema.py` hands in the URL; the command line takes DATABASE_URL."""

import asyncio
import os

from alembic import context
from sqlalchemy import pool, text
from sqlalchemy.engine import Connection

from app.core.config import load
from app.core.db import make_engine
from app.schema import metadata

LOCK_KEY = 0x48_6F_6C_64  # "Hold": one migration at a time, however many release jobs start


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, compare_server_default=False)
    with context.begin_transaction():
        # A migration that cannot get its lock gives up instead of queueing every other statement behind it.
        connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
        context.run_migrations()


async def main() -> None:
    url = context.config.attributes.get("url") or load(os.environ).database_url
    # Migrations are few statements in one transaction: they go the way that a pooler lets pass, wherever the URL leads.
    engine = make_engine(url, pooler=True, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run)
        await connection.commit()
    await engine.dispose()


asyncio.run(main())
