"""Connections through a way that falls silent, to a real PostgreSQL: nothing waits for ever, and one pays for all."""

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from holdgate.core.db import Database
from holdgate.core.postgres.connections import Away, Hosts
from holdgate.core.postgres.outages import is_away
from tests.factories.workers import until
from tests.servers import Servers
from tests.silence import Way, tcp_options, way_to

pytestmark = pytest.mark.slow

LIMIT = timedelta(seconds=1)


@pytest.fixture
def way(servers: Servers, database: Database) -> Iterator[tuple[Way, str]]:
    with way_to(servers.database_url) as made:
        yield made


async def ask(database: Database, statement: str = "SELECT 1") -> Any:
    async with database.read() as session:
        return await session.scalar(text(statement))


async def warm(database: Database, connections: int) -> None:
    await asyncio.gather(*(ask(database, "SELECT pg_sleep(0.2)") for _ in range(connections)))


async def test_of_many_silent_connections_the_first_costs_its_limit_and_the_others_nothing(
    way: tuple[Way, str],
) -> None:
    path, url = way
    database = Database(url, name="silent", pool_size=5, limit=LIMIT)
    beside = database.beside(pool_size=1, limit=timedelta(minutes=10))
    await warm(database, 5)
    long = asyncio.create_task(ask(beside, "SELECT pg_sleep(60)"))
    await until(lambda: says(path.taken == 6))
    await asyncio.sleep(0.1)
    path.swallow()
    began = time.monotonic()
    with capture_logs() as said:
        for answer in await asyncio.gather(*(ask(database) for _ in range(3)), return_exceptions=True):
            assert isinstance(answer, Away) and is_away(answer)
        assert time.monotonic() - began < 2
        assert [await ask(database) for _ in range(6)] == [1] * 6
        assert time.monotonic() - began < 3, "those that lay in the pool are not waited for"
        with pytest.raises(Exception, match="closed") as ended:
            await long
        assert time.monotonic() - began < 4, "who waits long elsewhere learns of it"
        assert is_away(ended.value)
        await database.dispose()
    assert [line["event"] for line in said] == ["database_silent"]


async def says(it: bool) -> bool:
    return it


async def test_a_statement_that_is_only_slow_costs_its_own_connection_and_is_cancelled(
    way: tuple[Way, str], database: Database
) -> None:
    slow = Database(way[1], name="slow", pool_size=2, limit=LIMIT)
    with capture_logs() as said:
        with pytest.raises(Away):
            await ask(slow, "SELECT pg_sleep(60)")
        alive = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'slow' AND state = 'active'"

        async def gone() -> bool:
            return bool(await ask(database, alive) == 0)

        await until(gone, 30)  # half of what the statement would take
        await slow.dispose()
    assert said == [], "a server that answers a cancellation is not silent"


async def test_one_that_fell_silent_ends_no_other_that_is_heard(way: tuple[Way, str]) -> None:
    path, url = way
    database = Database(url, name="one of two", pool_size=2, limit=LIMIT)
    beside = database.beside(pool_size=1, limit=timedelta(minutes=10))
    await warm(database, 1)
    path.swallow()
    with capture_logs() as said:
        with pytest.raises(Away):
            await ask(database)
        await ask(beside, "SELECT pg_sleep(2)")  # began after the goodbye, and lasts beyond the verdict
    assert [(line["event"], line["others"]) for line in said] == [("database_silent", 0)]
    await database.dispose()


async def test_what_the_driver_does_without_a_limit_has_one(way: tuple[Way, str]) -> None:
    """It closes statements that were forgotten, after it has prepared another one."""
    path, url = way
    database = Database(url, name="many statements", pool_size=1, limit=LIMIT)
    path.swallow_from(b"C")  # Close
    with pytest.raises(Away):
        async with asyncio.timeout(20):
            for number in range(1000):
                await ask(database, f"SELECT {number}")
    assert 100 < number < 999
    assert await ask(database) == 1
    await database.dispose()


async def test_nobody_waits_for_a_server_that_lets_nobody_in(
    way: tuple[Way, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdgate.core.postgres.connections.CONNECT_SECONDS", 0.5)
    path, url = way
    path.swallow(new=True)
    database = Database(url, name="nobody", pool_size=1, limit=LIMIT)
    with pytest.raises(Away, match="let us in"):
        await ask(database)
    path.let_through()
    assert await ask(database) == 1
    path.swallow(new=True)
    began = time.monotonic()
    await database.dispose()
    assert time.monotonic() - began < 3, "nor for a goodbye"


async def test_a_connection_cut_in_the_pool_is_replaced_before_a_statement_fails_on_it(way: tuple[Way, str]) -> None:
    path, url = way
    database = Database(url, name="cut", pool_size=3, limit=LIMIT)
    await warm(database, 3)
    path.cut()
    await asyncio.sleep(0.1)  # for the news to arrive
    assert [await ask(database) for _ in range(3)] == [1, 1, 1]
    await database.dispose()


async def test_a_connection_that_ends_as_it_is_opened_is_the_database_being_away(way: tuple[Way, str]) -> None:
    path, url = way
    database = Database(url, name="ended", pool_size=1, limit=LIMIT)
    path.end_next()
    with pytest.raises(Away) as refused:
        await ask(database)
    assert is_away(refused.value)
    assert await ask(database) == 1
    await database.dispose()


async def test_the_kernel_is_told_to_notice_a_dead_machine(way: tuple[Way, str]) -> None:
    database = Database(way[1], name="tcp", pool_size=1)
    async with database.engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        options = tcp_options(driver._transport.get_extra_info("socket"))
    assert options == {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 20_000}
    await database.dispose()


@pytest.mark.parametrize(
    ("dsn", "hosts"),
    [
        ("postgresql://u:p%40x@one:5433,two/d", [("one", 5433), ("two", 5432)]),
        ("postgresql://u@/d?host=one,/run/pg&port=5433,5434", [("one", 5433), ("/run/pg", 5434)]),
        ("postgresql://u@[::1]:5433,[fe80::1]/d", [("::1", 5433), ("fe80::1", 5432)]),
    ],
)
def test_each_of_several_hosts_is_one_to_try(dsn: str, hosts: list[tuple[str, int]]) -> None:
    tried = Hosts(dsn)
    assert [(each["host"], each["port"]) for each in tried._each] == hosts
    assert tried._target == {"target_session_attrs": "read-write"}
    assert Hosts(f"{dsn}{'&' if '?' in dsn else '?'}target_session_attrs=any")._target == {}
    assert Hosts(dsn, writes=False)._target == {}
    assert Hosts("postgresql://u@one:5433/d")._each == [{}], "one host is the driver's affair"
