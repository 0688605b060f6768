"""How full the queues were: a sample a minute, the fullest of a longer span, and gaps while nobody sampled."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from holdgate.core.db import Database
from holdgate.stats import counts, depths, rollups
from holdgate.stats.depths import Depth, depths_since
from holdgate.tasks.states import TaskState
from tests.factories.stats import all_final
from tests.factories.tasks import make_task

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


async def sampled(database: Database, at: datetime) -> None:
    await all_final(database)
    async with database.write("system") as session:
        while await counts.fold_events(session):
            pass
        await depths.sample(session, now=at)


async def queued_since(database: Database, at: datetime) -> None:
    async with database.write("system") as session:
        await session.execute(text("UPDATE tasks SET queued_at = :at WHERE state = 'queued'"), {"at": at})


async def test_a_sample_has_what_is_ready_and_how_long_the_oldest_has_waited(database: Database) -> None:
    for _ in range(3):
        await make_task(database)
    await make_task(database, TaskState.SUCCEEDED, queue="empty")
    await make_task(database, TaskState.PENDING_APPROVAL)
    await queued_since(database, NOON - timedelta(minutes=2))
    await sampled(database, NOON + timedelta(seconds=30))
    async with database.read() as session:
        found = await depths_since(session, 1, NOON - timedelta(hours=1))
    assert found == {"default": {NOON: Depth(3, 150)}, "empty": {NOON: Depth(0, 0)}}


async def test_of_a_longer_span_the_fullest_counts_and_a_minute_without_a_sample_is_a_gap(database: Database) -> None:
    for _ in range(2):
        await make_task(database)
    await queued_since(database, NOON - timedelta(minutes=1))
    await sampled(database, NOON)
    async with database.write("system") as session:
        await session.execute(text("UPDATE tasks SET state = 'cancelled', finished_at = now()"))
    await sampled(database, NOON + timedelta(minutes=2))
    await sampled(database, NOON + timedelta(minutes=2))  # a second worker
    async with database.read() as session:
        minutes = await depths_since(session, 1, NOON)
        quarters = await depths_since(session, 15, NOON)
        later = await depths_since(session, 1, NOON + timedelta(minutes=1))
    assert minutes == {"default": {NOON: Depth(2, 60), NOON + timedelta(minutes=2): Depth(0, 0)}}
    assert quarters == {"default": {NOON: Depth(2, 60)}}
    assert list(later["default"]) == [NOON + timedelta(minutes=2)]


async def test_samples_are_kept_as_long_as_the_figures_beside_them(database: Database) -> None:
    await make_task(database)
    await sampled(database, NOON)

    async def spans_after(age: timedelta) -> set[int]:
        async with database.write("system") as session:
            await rollups.forget_old(session, now=NOON + age)
        async with database.read() as session:
            return set((await session.execute(text("SELECT span FROM queue_depths"))).scalars())

    assert await spans_after(timedelta(hours=23)) == {1, 15, 120}
    assert await spans_after(timedelta(days=2)) == {15, 120}
    assert await spans_after(timedelta(days=91)) == set()
