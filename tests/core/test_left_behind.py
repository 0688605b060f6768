"""What the server still holds of connections that have been given up."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import text

from holdgate.core.db import Database
from holdgate.core.postgres.outages import AWAY
from tests.servers import Servers
from tests.silence import way_to

_LOCK = text("SELECT pg_advisory_xact_lock(4712)")


async def test_the_locks_of_a_connection_that_fell_silent_are_free_as_soon_as_another_one_works(
    servers: Servers,
) -> None:
    """The server was not told of its end. A transaction that does nothing it would end after half a minute, one in the
    middle of a statement never."""
    with way_to(servers.database_url) as (way, url):
        database = Database(url, name="tests", pool_size=2, limit=timedelta(seconds=1))

        async def hold_and_fall_silent() -> None:
            async with database.write("system") as session:
                await session.execute(_LOCK)
                way.swallow()
                await session.execute(text("SELECT 1"))

        async def lock() -> bool:
            with suppress(*AWAY):
                async with database.write("system") as session:
                    await session.execute(_LOCK)
                    return True
            return False

        with pytest.raises(AWAY):
            await hold_and_fall_silent()
        async with asyncio.timeout(20):
            while not await lock():
                await asyncio.sleep(0.1)
        await database.dispose()
