"""Single statements in one round trip each: who does them, what they cost, and what becomes of a lost connection."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy import text

from holdgate.core.db import Database, _setting
from holdgate.core.postgres.outages import is_away, refuses_data
from tests.servers import Servers
from tests.silence import way_to

WHO = text("SELECT current_setting('holdgate.actor'), CAST(:number AS int), current_schema, :number")
PID = text("SELECT pg_backend_pid()")
SLEEP = text("SELECT pg_sleep(:seconds)")


async def test_each_statement_is_its_own_transaction_of_the_same_actor(database: Database) -> None:
    direct = database.direct("worker:o'neill:1")
    [[actor, number, schema, again]] = await direct.execute(WHO, {"number": 3})
    assert (actor, number, again) == ("worker:o'neill:1", 3, 3) and schema != "public"
    xid = text("SELECT CAST(pg_current_xact_id() AS text)")
    [[first]], [[second]] = await direct.execute(xid, {}), await direct.execute(xid, {})
    assert first != second
    async with database.write("user:ann") as session:  # a setting of one transaction, as before
        assert (await session.execute(WHO, {"number": 1})).one()[0] == "user:ann"
    await direct.close()


async def test_statements_wait_for_one_another_on_the_one_connection(database: Database) -> None:
    direct = database.direct("worker:x")
    found = await asyncio.gather(*(direct.execute(PID, {}) for _ in range(5)))
    assert len({row[0] for [row] in found}) == 1
    await direct.close()


async def test_a_lost_connection_costs_one_statement_and_an_error_of_the_statement_none(database: Database) -> None:
    direct = database.direct("worker:x")
    [[pid]] = await direct.execute(PID, {})
    with pytest.raises(asyncpg.PostgresError) as refused:
        await direct.execute(text("SELECT CAST(:value AS int) / 0"), {"value": 1})
    assert refuses_data(refused.value) and not is_away(refused.value)
    assert await direct.execute(PID, {}) == [(pid,)], "the same connection"
    async with database.write("system") as session:
        await session.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    try:
        [[other]] = await direct.execute(PID, {})
    except Exception as error:
        assert is_away(error)
        [[other]] = await direct.execute(PID, {})
    assert other != pid
    await direct.close()


@pytest.mark.slow
async def test_a_server_that_falls_silent_is_left_after_the_limit(servers: Servers, database: Database) -> None:
    with way_to(servers.database_url) as (way, url):
        silent = Database(url, name="silent", pool_size=1, limit=timedelta(seconds=1))
        direct = silent.direct("worker:x")
        await direct.execute(PID, {})
        way.swallow()
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(10):
                await direct.execute(PID, {})
        await silent.dispose()


@pytest.mark.parametrize("conforming", ["on", "off"])
@pytest.mark.parametrize("actor", ["user:o'neill", "user:\\' || pg_sleep(1) || '", 'user:"a\\\\b"@example.org'])
async def test_an_actor_is_a_value_whatever_it_is_made_of(database: Database, conforming: str, actor: str) -> None:
    async with database.write("system") as session:
        await session.execute(text(f"SET LOCAL standard_conforming_strings = {conforming}"))
        await session.execute(text("SET LOCAL escape_string_warning = off"))
        connection = (await (await session.connection()).get_raw_connection()).driver_connection
        assert connection is not None
        await connection.execute(_setting("holdgate.actor", actor))
        assert (await session.execute(WHO, {"number": 1})).one()[0] == actor
