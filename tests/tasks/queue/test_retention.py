"""Finished tasks go after their time, with all that belongs to them, and the counts stay exact."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, text

import holdgate.tasks.upkeep
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.stats.counts import counts_by_state, fold_events
from holdgate.stats.event_consumer import next_window
from holdgate.tasks.models import Task, TaskStep
from holdgate.tasks.queue.log import TaskEvent
from holdgate.tasks.queue.retention import prune_tasks
from holdgate.tasks.service import TaskRequest, enqueue_many
from holdgate.tasks.states import FINISHED, TaskState
from tests.factories.approvals import put_question
from tests.factories.stats import all_final
from tests.factories.tasks import make_task
from tests.factories.workers import until, working

MONTH = timedelta(days=30)


async def age(database: Database, *ids: UUID, by: timedelta = timedelta(days=31)) -> None:
    """These tasks are older than they were."""
    async with database.write("system") as session:
        await session.execute(
            text(
                "UPDATE tasks SET created_at = created_at - CAST(:by AS interval),"
                " finished_at = finished_at - CAST(:by AS interval) WHERE id = ANY(:ids)"
            ),
            {"by": by, "ids": list(ids)},
        )


async def fold(database: Database) -> None:
    """The rollup and every follower have read all there is."""
    await all_final(database)
    async with database.write("system") as session:
        await fold_events(session)
        for name in ("runs", "webhooks", "minutes", "mail", "words"):
            await next_window(session, name)


async def prune(database: Database, limit: int = 500, now: datetime | None = None) -> int:
    async with database.write("system") as session:
        return (await prune_tasks(session, MONTH, limit=limit, now=now)).tasks


async def test_only_what_finished_long_enough_ago_goes(database: Database) -> None:
    old = {state: await make_task(database, state) for state in TaskState}
    await age(database, *old.values())
    fresh = [await make_task(database, state) for state in FINISHED]
    just_ended = await make_task(database, TaskState.SUCCEEDED)
    async with database.write("system") as session:
        await session.execute(text("UPDATE tasks SET created_at = '2020-01-01' WHERE id = :id"), {"id": just_ended})
    assert await prune(database) == len(FINISHED)
    async with database.read() as session:
        left = set((await session.execute(select(Task.id))).scalars())
    assert left == {id for state, id in old.items() if state not in FINISHED} | {*fresh, just_ended}


@pytest.mark.parametrize("folded", [True, False])
async def test_the_counts_are_exact_before_and_after_every_step(database: Database, folded: bool) -> None:
    gone = [await make_task(database, TaskState.SUCCEEDED) for _ in range(3)]
    await make_task(database, TaskState.SUCCEEDED)
    await age(database, *gone)
    if folded:
        await fold(database)
    assert await prune(database) == 3
    for _ in range(2):
        async with database.read() as session:
            assert await counts_by_state(session) == {"succeeded": 1}
        await fold(database)
        await prune(database, now=datetime.now(UTC) + timedelta(days=20))  # the traces stay yet
    async with database.read() as session:
        assert await session.scalar(select(func.count()).where(TaskEvent.verb == "delete")) == 3


async def test_steps_questions_and_folded_events_go_with_their_task(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings)
    async with database.write("system") as session:
        await session.execute(text("DELETE FROM tasks WHERE id <> :id"), {"id": asked.task_id})
        await session.execute(text("INSERT INTO task_steps VALUES (:id, 'a', 1, '1')"), {"id": asked.task_id})
        await session.execute(text("UPDATE tasks SET state = 'cancelled', finished_at = now()"))
    await age(database, asked.task_id)
    await fold(database)
    assert await prune(database) == 1
    async with database.read() as session:
        for table in ("task_steps", "approvals", "approval_recipients", "approval_links"):
            assert await session.scalar(text(f"SELECT count(*) FROM {table}")) == 0, table
        events = await session.execute(select(TaskEvent.verb).where(TaskEvent.task_id == asked.task_id))
        assert list(events.scalars()) == ["delete"]
        assert await session.scalar(select(func.count()).select_from(TaskStep)) == 0


async def test_the_last_traces_go_a_retention_later_even_of_what_was_not_folded(database: Database) -> None:
    await age(database, await make_task(database, TaskState.SUCCEEDED))
    assert await prune(database) == 1  # nothing was folded: its events had to stay
    await fold(database)
    await prune(database, now=datetime.now(UTC) + timedelta(days=29))
    async with database.read() as session:
        assert (await session.scalar(select(func.count()).select_from(TaskEvent)) or 0) > 1
    await prune(database, now=datetime.now(UTC) + timedelta(days=31))
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(TaskEvent)) == 0
        assert await session.scalar(text("SELECT count(*) FROM task_counts")) == 0
        assert await counts_by_state(session) == {}


async def test_pruning_goes_in_chunks_until_nothing_is_left_and_work_goes_on_beside_it(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdgate.tasks.upkeep, "PRUNE_CHUNK", 7)
    await age(database, *[await make_task(database, TaskState.SUCCEEDED) for _ in range(20)])
    async with database.write("system") as session:
        await enqueue_many(session, [TaskRequest(kind="test.nothing", payload={})] * 50)

    async def settled() -> bool:
        async with database.read() as session:
            return await counts_by_state(session) == {"succeeded": 50}

    async with working(database, settings):
        await until(settled)
    async with database.read() as reading:
        assert await reading.scalar(select(func.count()).select_from(Task)) == 50


async def test_two_who_prune_at_once_delete_each_task_once_and_wait_for_nobody(database: Database) -> None:
    await age(database, *[await make_task(database, TaskState.SUCCEEDED) for _ in range(20)])
    barrier = asyncio.Barrier(2)

    async def one() -> int:
        async with database.write("system") as session:
            pruned = (await prune_tasks(session, MONTH, limit=10)).tasks
            await barrier.wait()  # neither has committed
            return pruned

    assert list(await asyncio.wait_for(asyncio.gather(one(), one()), 20)) == [10, 10]
    async with database.read() as session:
        assert await counts_by_state(session) == {}
