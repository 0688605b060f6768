"""Tasks whose worker was lost run apart from the others, in real dispatchers."""

import asyncio
import math
import time
from datetime import timedelta
from uuid import UUID

import msgspec
from sqlalchemy import func, select, update

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.runtime.dispatcher import Dispatcher
from holdgate.runtime.sweeper import Sweeper
from holdgate.tasks.models import Task
from holdgate.tasks.queue.claims import claim_tasks
from holdgate.tasks.queue.log import TaskEvent
from holdgate.tasks.service import TaskRequest, enqueue_many
from tests.factories.workers import until, until_state, working
from tests.runtime.kinds import gates, ran
from tests.silence import way_to


async def put(database: Database, name: str, losses: int = 0, n: int = 1) -> list[UUID]:
    async with database.write("system") as session:
        ids = await enqueue_many(session, [TaskRequest(kind="test.waits", payload={"name": name})] * n)
        await session.execute(update(Task).where(Task.id.in_(ids)).values(lease_losses=losses))
    return ids


async def running(database: Database) -> int:
    async with database.read() as session:
        return (await session.execute(select(func.count()).where(Task.state == "running"))).scalar_one()


async def test_few_suspects_run_at_a_time_and_others_beside_them(database: Database, settings: Settings) -> None:
    await put(database, "few", losses=1, n=7)
    innocent = await put(database, "beside", n=10)
    async with working(database, settings):
        await until(lambda: _is(database, 14))
        for task_id in innocent:
            await until_state(database, task_id, "running")
        gates["beside"].set()
        gates["few"].set()
        await until(lambda: _is(database, 0, succeeded=17))
    assert ran["few"] == 7


async def _is(database: Database, number: int, succeeded: int = 0) -> bool:
    async with database.read() as session:
        done = (await session.execute(select(func.count()).where(Task.state == "succeeded"))).scalar_one()
    return await running(database) == number and done == succeeded


async def test_a_suspect_that_is_nearly_convicted_has_a_worker_for_itself(
    database: Database, settings: Settings
) -> None:
    """Both suspects wait until the hand is empty; what comes meanwhile waits until they are done."""
    [before] = await put(database, "before")
    async with working(database, settings) as dispatcher:
        await until_state(database, before, "running")
        suspects = await put(database, "nearly", losses=2, n=2)
        await until(lambda: _alone(dispatcher))
        [after] = await put(database, "after")
        dispatcher.hear(frozenset())
        await until(lambda: _heard(dispatcher))
        assert await running(database) == 1
        gates["before"].set()
        await until_state(database, before, "succeeded")
        await until(lambda: _ran("nearly.before", 1))
        dispatcher.hear(frozenset())
        await until(lambda: _heard(dispatcher))
        assert dispatcher.in_hand == 1
        assert ran["after"] == 0
        gates["nearly"].set()
        gates["after"].set()
        for task_id in (*suspects, after):
            await until_state(database, task_id, "succeeded")
    async with database.read() as session:
        claims = select(TaskEvent.task_id).where(TaskEvent.verb == "claim").order_by(TaskEvent.id)
        order = list((await session.execute(claims)).scalars())
    assert order[0] == before
    assert order[1] in suspects


async def _alone(dispatcher: Dispatcher) -> bool:
    return bool(dispatcher._suspects.alone)


async def _heard(dispatcher: Dispatcher) -> bool:
    """Its feeds have come round."""
    return not any(room.is_set() for room in dispatcher._room.values())


async def _ran(name: str, times: int) -> bool:
    return ran[name] == times


async def test_after_the_database_was_away_workers_have_time_to_renew_their_leases(
    database: Database, settings: Settings
) -> None:
    [task_id] = await put(database, "renewing")
    hour = timedelta(hours=1)
    async with database.write("worker:test") as session:
        await claim_tasks(session, queue="default", kinds=["test.waits"], worker=uuid7(), limit=1, lease=hour)
    with way_to(settings.database_url) as (way, url):
        through = Database(url, name="sweeper", pool_size=1)
        sweeper = Sweeper(through, msgspec.structs.replace(settings, lease=timedelta(seconds=6)))
        sweeping = asyncio.create_task(sweeper.run())
        try:
            await until(lambda: _swept(sweeper))
            way.refuse(True)
            await until(lambda: _was_refused(sweeper))
            async with database.write("system") as session:
                await session.execute(update(Task).values(lease_expires_at=func.now() - timedelta(seconds=1)))
            way.refuse(False)
            await until_state(database, task_id, "queued")
            assert time.monotonic() - sweeper._away_at >= 2
        finally:
            sweeping.cancel()
            await asyncio.gather(sweeping, return_exceptions=True)
            await through.dispose()


async def _swept(sweeper: Sweeper) -> bool:
    return sweeper.age() is not None


async def _was_refused(sweeper: Sweeper) -> bool:
    return sweeper._away_at > -math.inf
