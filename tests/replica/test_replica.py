"""Charts and exports on a replica: a second PostgreSQL that follows the tests' one by streaming replication."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from redis.asyncio import Redis
from sqlalchemy import make_url, text

import tests.tasks.kinds  # noqa: F401
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.doctor import checks_core, checks_topology
from holdgate.doctor.findings import Bounds, Finding, Health, Installation
from holdgate.tasks import exports
from holdgate.tasks.search.filters import TaskFilter
from tests.factories.tasks import make_task
from tests.factories.workers import until
from tests.servers import Servers

ONE_SECOND = timedelta(seconds=1)


@pytest.fixture
async def both(servers: Servers, follower: tuple[str, Path], database: Database) -> AsyncIterator[Database]:
    made = Database(servers.database_url, name="both", pool_size=3, replica=follower[0])
    yield made
    await made.dispose()


async def exported(database: Database) -> int:
    return sum([len(chunk) async for chunk in exports.chunks(database, None, TaskFilter())])


async def test_an_export_reads_the_replica_and_what_a_person_just_did_is_read_where_it_was_written(
    both: Database, follower: tuple[str, Path]
) -> None:
    behind = Database(follower[0], name="behind", pool_size=1)

    async def caught_up(task: UUID) -> bool:
        """By its id: as many may be there from the test before."""
        async with behind.read() as session:
            found = await session.scalar(text("SELECT EXISTS (SELECT FROM tasks WHERE id = :id)"), {"id": task})
            return bool(found)

    first = await make_task(both)
    await until(lambda: caught_up(first))
    async with both.read_replica() as session:
        assert await session.scalar(text("SELECT pg_is_in_recovery()")) is True
        assert session.info == {}
    async with both.read() as session:
        assert await session.scalar(text("SELECT pg_is_in_recovery()")) is False
    async with behind.engine.connect() as connection:
        await connection.execute(text("SELECT pg_wal_replay_pause()"))
    try:
        second = await make_task(both)
        assert await exported(both) == 1, "the replica stands still"
        async with both.read() as session:
            assert await session.scalar(text("SELECT count(*) FROM tasks")) == 2
    finally:
        async with behind.engine.connect() as connection:
            await connection.execute(text("SELECT pg_wal_replay_resume()"))
    await until(lambda: caught_up(second))
    assert await exported(both) == 2
    await behind.dispose()


async def test_a_replica_that_is_away_is_replaced_by_the_primary_and_not_asked_again_at_once(
    servers: Servers, database: Database, tmp_path: Path
) -> None:
    gone = make_url(servers.database_url).update_query_dict({"host": str(tmp_path)})
    alone = Database(
        servers.database_url, name="alone", pool_size=2, replica=gone.render_as_string(hide_password=False)
    )
    await make_task(alone)
    assert await exported(alone) == 1
    assert alone._replica_away_until > 0
    async with alone.read() as given, alone.read_replica(given) as session:
        assert session is given, "a page that has a session takes no second one"
    await alone.dispose()


async def test_without_a_replica_nothing_changes(database: Database) -> None:
    async with database.read() as given, database.read_replica(given) as session:
        assert session is given


async def test_the_doctor_tells_how_the_replica_does(
    settings: Settings, follower: tuple[str, Path], database: Database, redis: Redis, tmp_path: Path
) -> None:
    patient = Installation(settings=settings, database=database, redis=redis, head="", bounds=Bounds(behind=ONE_SECOND))

    async def finding(url: str) -> Finding:
        changed = msgspec.structs.replace(settings, database_read_url=url)
        return await checks_topology.replica(msgspec.structs.replace(patient, settings=changed))

    await make_task(database)
    assert (await finding("")).says.startswith("None is set")
    assert await finding(follower[0]) == Finding(Health.OK, "It has all that was written.")
    behind = Database(follower[0], name="behind", pool_size=1)
    async with behind.engine.connect() as connection:
        await connection.execute(text("SELECT pg_wal_replay_pause()"))
    try:
        await make_task(database)
        async with database.engine.connect() as connection:
            await connection.execute(text("SELECT pg_switch_wal()"))  # the tests' server writes its log when it likes
        slow = await finding(follower[0])
    finally:
        async with behind.engine.connect() as connection:
            await connection.execute(text("SELECT pg_wal_replay_resume()"))
        await behind.dispose()
    assert slow.health is Health.WARN and "more than 1 s behind" in slow.says and "paused" in slow.do
    standby = Database(follower[0], name="standby", pool_size=1)
    readonly = await checks_core.database(msgspec.structs.replace(patient, database=standby))
    await standby.dispose()
    assert readonly.health is Health.FAIL and "takes no writes" in readonly.says
    primary = await finding(settings.database_url)
    assert primary.health is Health.WARN and "no replica" in primary.says
    gone = make_url(settings.database_url).update_query_dict({"host": str(tmp_path)})
    away = await finding(gone.render_as_string(hide_password=False))
    assert away.health is Health.WARN and "DATABASE_READ_URL" in away.do
