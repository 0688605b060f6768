"""A worker that is gone is noticed by its closed connection; one that lives and was only cut off keeps its tasks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.runtime import workers
from holdgate.runtime.workers import Presence, end_leases_of_gone
from holdgate.tasks.queue import moves
from holdgate.tasks.queue.claims import claim_tasks
from holdgate.tasks.service import TaskRequest, enqueue
from tests.factories.workers import task_of, until, until_state, verbs_of, working
from tests.runtime.kinds import gates

HOUR = timedelta(hours=1)
# Other tests use the same server meanwhile.
_CUT = text(
    """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE application_name = :name AND datname = current_database()
    """
)
_HOLDER = text(
    """
    SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database, workers w
    WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.mode = 'ExclusiveLock' AND l.granted
      AND (CAST(CAST(l.classid AS bigint) AS bit(64)) << 32 | CAST(CAST(l.objid AS bigint) AS bit(64)))
          = CAST(hashtextextended(CAST(w.id AS text), 0) AS bit(64))
    """
)


class Held:
    """A worker that holds a task, without the process."""

    def __init__(self, database: Database, *, possible: bool = True) -> None:
        self.id, self._database = uuid7(), database
        self._presence = Presence(self.id, possible=possible)

    async def beat(self) -> None:
        async with self._database.write("worker:test") as session:
            shown = await self._presence.show(session)
            await workers.beat(session, self.id, "host", 1, {"default": 1}, 1, False, locks=shown)

    async def claim(self) -> None:
        async with self._database.write("worker:test") as session:
            kinds = ["test.waits"]
            await claim_tasks(session, queue="default", kinds=kinds, worker=self.id, limit=1, lease=HOUR)


@asynccontextmanager
async def held(url: str, *, possible: bool = True) -> AsyncIterator[Held]:
    own = Database(url, name="worker to be cut", pool_size=1, more=0)
    try:
        worker = Held(own, possible=possible)
        await worker.beat()
        await worker.claim()
        yield worker
    finally:
        await own.dispose()


async def put(database: Database, name: str) -> UUID:
    async with database.write("system") as session:
        return await enqueue(session, TaskRequest(kind="test.waits", payload={"name": name}))


async def sweep(database: Database, *, later: timedelta = timedelta()) -> list[UUID]:
    """Of those that were missed before, as if it were `later`."""
    async with database.write("system") as session:
        await session.execute(
            text("UPDATE workers SET missed_at = missed_at - CAST(:later AS interval)"), {"later": later}
        )
        gone, _ = await end_leases_of_gone(session)
        await moves.recover_lost(session, most=3)
        return gone


async def test_tasks_of_a_worker_whose_connection_has_closed_are_taken_back_a_moment_later(
    database: Database, settings: Settings
) -> None:
    task_id = await put(database, "gone")
    async with held(settings.database_url) as worker:
        assert await sweep(database, later=HOUR) == []
    assert await sweep(database) == [], "it may be back in a moment"
    assert (await task_of(database, task_id)).state == "running"
    assert await sweep(database, later=HOUR) == [worker.id]
    assert (await task_of(database, task_id)).state == "queued"
    assert await sweep(database, later=HOUR) == [], "once"


async def test_a_worker_that_was_cut_off_and_is_back_keeps_its_tasks(database: Database, settings: Settings) -> None:
    task_id = await put(database, "back")
    async with held(settings.database_url) as worker:
        await cut(database, "worker to be cut")
        await until(lambda: missed(database))
        await worker.beat()
        assert await sweep(database, later=HOUR) == []
        assert (await task_of(database, task_id)).state == "running"
        assert not await missed(database), "the time it was missed is forgotten"


async def cut(database: Database, name: str) -> None:
    async with database.write("system") as session:
        await session.execute(_CUT, {"name": name})


async def missed(database: Database) -> bool:
    await sweep(database)
    async with database.read() as session:
        return bool(await session.scalar(text("SELECT count(*) FROM workers WHERE missed_at IS NOT NULL")))


async def test_behind_a_pooler_and_beside_a_connection_that_lingers_the_leases_are_the_rule(
    database: Database, settings: Settings
) -> None:
    task_id = await put(database, "leased")
    async with held(settings.database_url, possible=False):
        pass
    assert await sweep(database) == await sweep(database, later=HOUR) == []
    assert (await task_of(database, task_id)).state == "running"
    async with database.write("system") as lingers, database.write("worker:test") as session:
        presence = Presence(uuid7(), possible=True)
        await lingers.execute(text("SELECT pg_advisory_lock(hashtextextended(:id, 0))"), {"id": str(presence._id)})
        assert await presence.show(session) is False, "it waits for nobody"
        await lingers.execute(text("SELECT pg_advisory_unlock(hashtextextended(:id, 0))"), {"id": str(presence._id)})
        assert await presence.show(session) is True


async def test_a_living_worker_takes_its_lock_again_at_once_and_works_on(
    database: Database, settings: Settings
) -> None:
    async with working(database, settings):
        task_id = await put(database, "cut")
        await until_state(database, task_id, "running")
        before = await lock_holder(database)
        await cut(database, workers.NAME)

        async def again() -> bool:
            return await lock_holder(database) not in (None, before)

        await until(again)
        gates["cut"].set()
        await until_state(database, task_id, "succeeded")
    assert await verbs_of(database, task_id) == ["enqueue", "claim", "succeed"]


async def lock_holder(database: Database) -> int | None:
    async with database.read() as session:
        found: int | None = await session.scalar(_HOLDER)
        return found
