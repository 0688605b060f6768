"""Runs of any size share a queue fairly, by the place their tasks are given in line."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, text

from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.runs import service as runs
from holdgate.runs.states import RunVerb
from holdgate.tasks.models import Task
from holdgate.tasks.queue import moves
from holdgate.tasks.queue.claims import Claimed, Outcome
from holdgate.tasks.service import enqueue, enqueue_many
from holdgate.tasks.states import TaskState, TaskVerb
from tests.factories.people import add_user
from tests.factories.tasks import claim, finish, request


async def start(database: Database, by: Principal, n: int) -> UUID:
    async with database.write(by.actor) as session:
        return await runs.start_run(session, by, f"A run of {n}", [request()] * n)


async def claimed_runs(database: Database, claims: int, batch: int = 5) -> list[UUID | None]:
    """The runs of the next tasks, in the order in which they are claimed (within a batch in any)."""
    tasks: list[Claimed] = []
    while len(tasks) < claims:
        tasks += await claim(database, limit=batch)
    return [task.run_id for task in tasks]


@pytest.mark.slow
async def test_ten_tasks_behind_fifty_thousand_all_start_within_the_first_fifty_claims(database: Database) -> None:
    ann = await add_user(database, "ann@example.org")
    large = await start(database, ann, 50_000)
    await claim(database, limit=500)
    small = await start(database, ann, 10)
    first = await claimed_runs(database, 50)
    assert first.count(small) == 10
    assert first.count(large) == 40


async def test_a_single_task_does_not_wait_for_a_large_run(database: Database) -> None:
    ann = await add_user(database, "ann@example.org")
    await start(database, ann, 2_000)
    async with database.write(ann.actor) as session:
        single = await enqueue(session, request(owner_id=ann.id))
    assert single in {task.id for task in await claim(database, limit=5)}


async def test_many_single_tasks_of_one_person_do_not_starve_a_run(database: Database) -> None:
    ann, bob = await add_user(database, "ann@example.org"), await add_user(database, "bob@example.org")
    async with database.write(ann.actor) as session:
        await enqueue_many(session, [request(owner_id=ann.id)] * 1_000)
    run_id = await start(database, bob, 10)
    for _ in range(20):  # she goes on all the time
        async with database.write(ann.actor) as session:
            await enqueue(session, request(owner_id=ann.id))
    assert (await claimed_runs(database, 30)).count(run_id) == 10


async def test_a_resumed_run_does_not_overtake_those_that_worked_meanwhile(database: Database) -> None:
    ann = await add_user(database, "ann@example.org")
    paused = await start(database, ann, 300)
    async with database.write(ann.actor) as session:
        await runs.act(session, ann, paused, RunVerb.PAUSE)
    other = await start(database, ann, 300)
    await claim(database, limit=100)
    async with database.write(ann.actor) as session:
        await runs.act(session, ann, paused, RunVerb.RESUME)
    shares = await claimed_runs(database, 100)
    assert 40 <= shares.count(other) <= 60


async def test_many_promoted_tasks_of_a_run_do_not_starve_another(database: Database) -> None:
    ann = await add_user(database, "ann@example.org")
    later = datetime.now(UTC) + timedelta(hours=1)
    async with database.write(ann.actor) as session:
        large = await runs.start_run(session, ann, "Later", [request(run_at=later)] * 500)
    small = await start(database, ann, 20)
    async with database.write("system") as session:
        assert len(await moves.promote_due(session, now=later)) == 500
    shares = await claimed_runs(database, 50)
    assert shares.count(small) == 20
    assert shares.count(large) == 30


async def test_what_comes_back_after_a_long_time_is_next_and_lets_nobody_overtake(database: Database) -> None:
    ann = await add_user(database, "ann@example.org")
    large = await start(database, ann, 600)
    [old] = await claim(database, limit=1)
    await claim(database, limit=400)
    await finish(database, Outcome(old.id, old.attempt, TaskState.QUEUED))
    newcomer = await start(database, ann, 100)
    assert [task.id for task in await claim(database, limit=1)] == [old.id]
    shares = await claimed_runs(database, 50)
    assert 20 <= shares.count(newcomer) <= 30
    assert 20 <= shares.count(large) <= 30


async def test_a_task_of_a_lost_worker_comes_before_a_run_that_started_since(database: Database) -> None:
    ann = await add_user(database, "ann@example.org")
    await start(database, ann, 50)
    lost = await claim(database, limit=50, now=datetime.now(UTC) - timedelta(hours=1))
    assert len(lost) == 50  # the queue is empty now
    await start(database, ann, 50)
    async with database.write("system") as session:
        await moves.recover_lost(session, most=3)
    assert {task.id for task in await claim(database, limit=50)} == {task.id for task in lost}


async def test_approved_and_resumed_tasks_go_ahead_by_their_priority(database: Database) -> None:
    ann = await add_user(database, "ann@example.org")
    await start(database, ann, 100)
    [rejected] = await claim(database, limit=1)
    async with database.write(ann.actor) as session:
        await moves.move_tasks(session, TaskVerb.CANCEL, Task.id == rejected.id)
        await moves.move_tasks(session, TaskVerb.RETRY, Task.id == rejected.id, priority=100)
    assert [task.id for task in await claim(database, limit=1)] == [rejected.id]


async def test_a_run_keeps_its_own_order(database: Database) -> None:
    ann = await add_user(database, "ann@example.org")
    run_id = await start(database, ann, 30)
    async with database.write(ann.actor) as session:
        added = await runs.add_tasks(session, ann, run_id, [request()] * 30)
    async with database.read() as session:
        order = await session.execute(select(Task.id).where(Task.run_id == run_id).order_by(Task.id))
        ids = list(order.scalars())
        places = await session.execute(select(Task.id).where(Task.run_id == run_id).order_by(Task.position))
        assert list(places.scalars()) == ids
    assert ids[30:] == added


async def test_those_who_enqueue_at_once_wait_for_nobody_and_lose_nothing(database: Database) -> None:
    ann = await add_user(database, "ann@example.org")
    barrier = asyncio.Barrier(4)

    async def add() -> None:
        async with database.write(ann.actor) as session:
            await enqueue_many(session, [request(owner_id=ann.id)] * 10)
            await barrier.wait()  # all four have written and none has committed: a lock would never get here

    await asyncio.wait_for(asyncio.gather(*(add() for _ in range(4))), 20)
    async with database.read() as session:
        spread = await session.execute(select(func.count(), func.max(Task.position) - func.min(Task.position)))
        count, width = spread.one()
        head = (await session.execute(text("SELECT holdgate_head('default', 50)"))).scalar_one()
        assert head == await session.scalar(select(func.min(Task.position)))
    assert count == 40
    assert width < 5_000_000
