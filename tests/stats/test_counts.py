"""Counts are exact at any moment, folded or not, also while others write."""

import asyncio

from sqlalchemy import func, select, text

from holdgate.core.db import Database
from holdgate.stats.counts import counts_by_state, fold_events
from holdgate.tasks.models import Task
from holdgate.tasks.service import TaskRequest, enqueue_many
from holdgate.tasks.states import TaskState
from tests.factories.tasks import make_task


async def test_counts_are_the_same_before_and_after_folding(database: Database) -> None:
    for state in TaskState:
        await make_task(database, state)
    async with database.read() as session:
        before = await counts_by_state(session)
    unfolded = text("SELECT count(*) FROM task_events WHERE xid >= (SELECT upto FROM rollup)")
    left = 1
    async with asyncio.timeout(30):
        while left:  # a transaction open in a neighbouring test's database holds the horizon back for a moment
            async with database.write("system") as session:
                await fold_events(session)
            async with database.read() as session:
                left = (await session.execute(unfolded)).scalar_one()
    async with database.read() as session:
        after = await counts_by_state(session)
        totals = {
            row[0]: row[1] for row in await session.execute(text("SELECT state, n FROM task_totals WHERE n <> 0"))
        }
    assert before == after == totals == {state.value: 1 for state in TaskState}


async def test_a_log_that_has_grown_long_is_folded_in_parts_and_the_counts_stay_exact(database: Database) -> None:
    for _ in range(6):
        await make_task(database)
    parts, more = 0, True
    async with asyncio.timeout(30):
        while more or parts < 2:
            async with database.write("system") as session:
                more = await fold_events(session, most=2)
            parts += more
            async with database.read() as session:
                assert await counts_by_state(session) == {"queued": 6}


async def test_a_deleted_task_is_not_counted_any_more(database: Database) -> None:
    task_id = await make_task(database)
    async with database.write("system") as session:
        await session.execute(text("DELETE FROM tasks WHERE id = :id"), {"id": task_id})
    async with database.read() as session:
        assert await counts_by_state(session) == {}


async def test_a_transaction_still_open_while_folding_is_counted_later_not_lost(database: Database) -> None:
    async with database.write("system") as slow:
        await enqueue_many(slow, [TaskRequest(kind="test.nothing", payload={})] * 3)
        await make_task(database)
        async with database.write("system") as session:
            await fold_events(session)
        async with database.read() as session:
            assert await counts_by_state(session) == {"queued": 1}
    async with database.read() as session:
        assert await counts_by_state(session) == {"queued": 4}
    async with database.write("system") as session:
        await fold_events(session)
    async with database.read() as session:
        assert await counts_by_state(session) == {"queued": 4}


async def test_counts_equal_a_recount_in_the_same_snapshot_while_others_write_and_fold(database: Database) -> None:
    stop = asyncio.Event()

    async def write() -> None:
        while not stop.is_set():
            async with database.write("system") as session:
                await enqueue_many(session, [TaskRequest(kind="test.nothing", payload={})] * 20)

    async def fold() -> None:
        while not stop.is_set():
            async with database.write("system") as session:
                await fold_events(session)

    writers = [asyncio.create_task(write()) for _ in range(3)] + [asyncio.create_task(fold())]
    for _ in range(30):
        async with database.read() as session:
            await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            counts = await counts_by_state(session)
            rows = await session.execute(select(Task.state, func.count()).group_by(Task.state))
            assert counts == {state: n for state, n in rows}
    stop.set()
    await asyncio.gather(*writers)
