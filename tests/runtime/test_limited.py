"""Limited kinds in real dispatchers: never too many, and the next one starts when there is room, not at a poll."""

import asyncio
from datetime import timedelta

import msgspec
from sqlalchemy import func, select

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.runtime.attempts.context import Context
from holdgate.tasks.kinds import Rate, all_kinds, kind
from holdgate.tasks.models import Task
from holdgate.tasks.queue import limits
from holdgate.tasks.queue.models import KindLimit
from holdgate.tasks.service import TaskRequest, enqueue_many
from tests.factories.workers import until, working
from tests.runtime.kinds import Named

PATIENT = timedelta(seconds=3000)  # a poll interval, and a lease that makes `working` poll every ten seconds


class Busy:
    now = 0
    most = 0


@kind("test.two-at-once", concurrency=2)
async def two_at_once(ctx: Context, payload: Named) -> None:
    Busy.now += 1
    Busy.most = max(Busy.most, Busy.now)
    await asyncio.sleep(0.005)
    Busy.now -= 1


@kind("test.twenty-a-second", rate=Rate(20, timedelta(seconds=1)))
async def twenty_a_second(ctx: Context, payload: Named) -> None:
    """Does nothing."""


async def all_done(database: Database, kind: str, n: int) -> None:
    async def there() -> bool:
        async with database.read() as session:
            done = select(func.count()).select_from(Task).where(Task.state == "succeeded", Task.kind == kind)
            return (await session.execute(done)).scalar_one() == n

    await until(there)


async def prepared(database: Database, kind: str, n: int) -> None:
    async with database.write("worker:test") as session:
        await limits.declare(session, all_kinds())
    async with database.write("system") as session:
        await enqueue_many(session, [TaskRequest(kind=kind, payload={"name": "x"})] * n)


async def test_two_dispatchers_keep_a_declared_limit_and_go_on_at_once_when_there_is_room(
    database: Database, settings: Settings
) -> None:
    Busy.now = Busy.most = 0
    await prepared(database, "test.two-at-once", 60)
    slow = msgspec.structs.replace(settings, lease=PATIENT)
    began = asyncio.get_running_loop().time()
    async with working(database, slow, sweep=False), working(database, slow, sweep=False):
        await all_done(database, "test.two-at-once", 60)
    # 60 tasks, 2 at once: by polling alone it would take 300 seconds.
    assert asyncio.get_running_loop().time() - began < 25
    assert Busy.most == 2


async def test_the_next_start_of_a_rate_does_not_wait_for_the_poll(database: Database, settings: Settings) -> None:
    await prepared(database, "test.twenty-a-second", 40)
    slow = msgspec.structs.replace(settings, lease=PATIENT)
    async with working(database, slow, sweep=False):
        await all_done(database, "test.twenty-a-second", 40)
    async with database.read() as session:
        first, last = (await session.execute(select(func.min(Task.claimed_at), func.max(Task.claimed_at)))).one()
    assert first is not None and last is not None
    # 20 at once, and 20 more of which each takes a twentieth of a second to be allowed.
    assert timedelta(seconds=0.99) <= last - first < timedelta(seconds=8)


async def test_what_a_kind_declares_is_written_down_by_the_worker_that_knows_it(
    database: Database, settings: Settings
) -> None:
    async with working(database, settings):

        async def declared() -> bool:
            async with database.read() as session:
                return await session.get(KindLimit, "test.two-at-once") is not None

        await until(declared)
    async with database.read() as session:
        row = await session.get_one(KindLimit, "test.two-at-once")
    assert (row.concurrency, row.set_by, row.limited) == (2, None, True)
