"""Enqueueing, claiming and finishing: order, exclusiveness, fencing, recovery."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import DBAPIError

from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.core.ids import uuid7
from holdgate.tasks.errors import PayloadMismatch, UnknownKind
from holdgate.tasks.models import Task
from holdgate.tasks.queue import claims, moves, steps
from holdgate.tasks.queue.claims import Losses, Outcome
from holdgate.tasks.queue.log import TaskEvent
from holdgate.tasks.service import enqueue, enqueue_many
from holdgate.tasks.states import TaskState, TaskVerb
from tests.factories.tasks import LEASE, apply, claim, finish, make_task, request


async def state_of(database: Database, task_id: UUID) -> str:
    async with database.read() as session:
        return (await session.get_one(Task, task_id)).state


async def test_higher_priority_is_claimed_first_then_the_longer_wait(database: Database) -> None:
    async with database.write("system") as session:
        old = await enqueue(session, request(title="old"))
    async with database.write("system") as session:
        low, *batch = await enqueue_many(
            session,
            [request(priority=10), request(title="a"), request(title="b"), request(title="c")],
        )
        high = await enqueue(session, request(priority=200))
    claimed = [task.id for task in await claim(database, limit=3)]
    # RETURNING gives no order; a batch of three has the best three.
    assert set(claimed) == {high, old, batch[0]}
    assert [task.id for task in await claim(database, limit=1)] == [batch[1]]
    assert {task.id for task in await claim(database)} == {batch[2], low}


async def test_a_queue_serves_only_its_own_tasks(database: Database) -> None:
    await make_task(database, queue="mail")
    assert await claim(database) == []
    assert len(await claim(database, queue="mail")) == 1


async def test_two_claimers_at_once_never_share_a_task(database: Database) -> None:
    async with database.write("system") as session:
        await enqueue_many(session, [request() for _ in range(400)])
    barrier = asyncio.Barrier(8)

    async def claimer() -> list[UUID]:
        mine: list[UUID] = []
        await barrier.wait()
        while got := await claim(database, limit=7):
            mine += [task.id for task in got]
        return mine

    shares = await asyncio.gather(*(claimer() for _ in range(8)))
    everything = [task_id for share in shares for task_id in share]
    assert len(everything) == len(set(everything)) == 400


async def test_a_claim_takes_what_is_free_and_waits_for_nobody(database: Database) -> None:
    first, second = [await make_task(database) for _ in range(2)]
    async with database.write("user:ann@example.org") as session:
        await apply(session, TaskVerb.CANCEL, first)
        async with asyncio.timeout(5):
            assert [task.id for task in await claim(database)] == [second]


async def test_a_claim_takes_no_more_than_it_may_whatever_the_planner_believes(database: Database) -> None:
    """Nearly empty when it was analysed, full now: that made a nested loop which ran the choice once for each task."""
    await make_task(database)
    async with database.engine.connect() as connection:
        alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await alone.execute(text("VACUUM (FULL, ANALYZE) tasks"))
    for _ in range(12):
        await make_task(database)
    assert len(await claim(database, limit=1)) == 1
    assert len(await claim(database, limit=4)) == 4


async def test_a_late_worker_cannot_finish_a_reclaimed_task(database: Database) -> None:
    task_id = await make_task(database)
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    [late] = await claim(database, now=long_ago)
    async with database.write("system") as session:
        [lost] = await moves.recover_lost(session, most=3)
        assert (lost.id, lost.state) == (task_id, "queued")
    [fresh] = await claim(database)
    assert fresh.attempt == late.attempt + 1
    assert await finish(database, Outcome(task_id, late.attempt, TaskState.SUCCEEDED, result='"late"')) == set()
    assert await state_of(database, task_id) == "running"
    assert await finish(database, Outcome(task_id, fresh.attempt, TaskState.SUCCEEDED, result='"fresh"')) == {task_id}
    async with database.read() as session:
        assert (await session.get_one(Task, task_id)).result == "fresh"


async def test_a_late_worker_cannot_store_a_step_or_renew_its_lease(database: Database) -> None:
    task_id = await make_task(database)
    [late] = await claim(database, now=datetime.now(UTC) - timedelta(hours=1))
    async with database.write("system") as session:
        await moves.recover_lost(session, most=3)
    await claim(database)
    async with database.write("worker:late") as session:
        assert not await steps.store_step(session, task_id, late.attempt, "step", "1")
        assert await claims.extend_leases(session, [(task_id, late.attempt)], LEASE) == set()


async def test_a_finish_that_raced_with_a_cancel_changes_nothing(database: Database) -> None:
    task_id = await make_task(database)
    [task] = await claim(database)
    async with database.write("user:ann@example.org") as session:
        await moves.move_tasks(session, TaskVerb.CANCEL, Task.id == task_id)
    assert await finish(database, Outcome(task_id, task.attempt, TaskState.SUCCEEDED)) == set()
    assert await state_of(database, task_id) == "cancelled"


async def test_a_lost_lease_uses_up_no_try_but_a_poison_task_is_buried(database: Database) -> None:
    task_id = await make_task(database)
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    for expected in ("queued", "queued", "dead_letter"):
        await claim(database, now=long_ago)
        async with database.write("system") as session:
            assert await moves.recover_lost(session, most=3, now=long_ago) == [], "it is not over yet"
            [row] = await moves.recover_lost(session, most=3)
            assert row.state == expected
    async with database.read() as session:
        task = await session.get_one(Task, task_id)
    assert (task.failures, task.lease_losses) == (0, 3)
    assert task.error is not None
    assert task.error["type"] == "LeaseLost"


async def test_lost_workers_count_in_a_row_and_a_failure_in_between_begins_anew(database: Database) -> None:
    task_id = await make_task(database)
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    for _ in range(2):
        await claim(database, now=long_ago)
        async with database.write("system") as session:
            await moves.recover_lost(session, most=3)
    [task] = await claim(database)
    assert task.lease_losses == 2
    error = '{"type": "E", "message": "m"}'
    await finish(database, Outcome(task_id, task.attempt, TaskState.RETRYING, error=error, delay=0, failed=True))
    async with database.write("system") as session:
        await moves.promote_due(session)
    [task] = await claim(database)
    assert task.lease_losses == 0


async def test_who_has_stored_a_step_before_the_worker_was_lost_begins_anew(database: Database) -> None:
    task_id = await make_task(database)
    for number in range(3):
        [task] = await claim(database, now=datetime.now(UTC) - timedelta(hours=1))
        assert task.lease_losses == number
        async with database.write("system") as session:
            if number == 2:
                assert await steps.store_step(session, task_id, task.attempt, "page", "1")
            [row] = await moves.recover_lost(session, most=3)
            assert row.state == "queued"
    [task] = await claim(database)
    assert task.lease_losses == 1


async def test_suspects_are_claimed_by_how_often_their_worker_was_lost(database: Database) -> None:
    ids = [await make_task(database) for _ in range(6)]
    async with database.write("system") as session:
        for losses, task_id in enumerate(ids):
            await session.execute(update(Task).where(Task.id == task_id).values(lease_losses=losses // 2))

    async def among(least: int, most: int) -> list[UUID]:
        async with database.write("worker:test") as session:
            claimed = await claims.claim_tasks(
                session,
                queue="default",
                kinds=["test.nothing"],
                worker=uuid7(),
                limit=9,
                lease=LEASE,
                losses=Losses(least, most),
            )
        return sorted(task.id for task in claimed)

    assert await among(0, 0) == ids[:2]
    assert await among(1, 1) == ids[2:4]
    assert await among(1, 9) == ids[4:]


async def test_a_claim_takes_no_more_of_a_pool_than_it_has_places(database: Database) -> None:
    """The first of the queue fill the places; others of other kinds come through behind them."""
    ids = [await make_task(database, kind=kind) for kind in ["test.nothing"] * 4 + ["test.free"] * 2]
    places = claims.FreePlaces({"test.nothing": "thread"}, {"thread": 2})
    async with database.write("worker:test") as session:
        claimed = await claims.claim_tasks(
            session,
            queue="default",
            kinds=["test.nothing", "test.free"],
            worker=uuid7(),
            limit=9,
            lease=LEASE,
            places=places,
        )
    assert sorted(task.id for task in claimed) == [*ids[:2], *ids[4:]]


async def test_a_task_for_later_is_promoted_when_its_time_has_come(database: Database) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    task_id = await make_task(database, run_at=later)
    assert await state_of(database, task_id) == "scheduled"
    async with database.write("system") as session:
        assert await moves.promote_due(session) == []
        assert [row.id for row in await moves.promote_due(session, now=later)] == [task_id]
    assert await state_of(database, task_id) == "queued"


async def test_a_failed_try_waits_before_the_next(database: Database) -> None:
    task_id = await make_task(database)
    [task] = await claim(database)
    error = '{"type": "E", "message": "m"}'
    await finish(database, Outcome(task_id, task.attempt, TaskState.RETRYING, error=error, delay=60, failed=True))
    async with database.read() as session:
        found = await session.get_one(Task, task_id)
    assert (found.state, found.failures) == ("retrying", 1)
    assert found.run_at is not None
    assert timedelta(seconds=55) < found.run_at - datetime.now(UTC) <= timedelta(seconds=61)
    assert await claim(database) == []


async def test_a_requeued_task_keeps_its_place(database: Database) -> None:
    first, second = await make_task(database), await make_task(database)
    [task] = await claim(database, limit=1)
    assert task.id == first
    await finish(database, Outcome(first, task.attempt, TaskState.QUEUED))
    assert [t.id for t in await claim(database, limit=1)] == [first]
    assert [t.id for t in await claim(database, limit=1)] == [second]


async def test_tasks_exist_if_and_only_if_their_transaction_commits(database: Database) -> None:
    with pytest.raises(RuntimeError):
        async with database.write("system") as session:
            await enqueue(session, request())
            raise RuntimeError("the caller's work failed")
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Task)) == 0
        assert await session.scalar(select(func.count()).select_from(TaskEvent)) == 0


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"kind": "no.such.kind"}, UnknownKind),
        ({"payload": {"word": 3}}, PayloadMismatch),
        ({"payload": {"other": "x"}}, PayloadMismatch),
        ({"payload": {"word": "a\0b"}}, Invalid),
        ({"priority": 1001}, Invalid),
        ({"queue": "No Such"}, Invalid),
        ({"max_attempts": 0}, Invalid),
    ],
)
async def test_what_does_not_fit_is_refused_and_nothing_of_its_batch_is_written(
    database: Database, wrong: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        async with database.write("system") as session:
            await enqueue_many(session, [request(), request(**wrong)])
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Task)) == 0


@pytest.mark.parametrize(
    "change",
    [
        "priority = 1001",
        "attempt = -1",
        "failures = -1",
        "max_attempts = 0",
        "lease_expires_at = now()",
        "finished_at = now()",
        "state = 'nonsense'",
    ],
)
async def test_the_database_refuses_values_that_make_no_sense(database: Database, change: str) -> None:
    task_id = await make_task(database)
    with pytest.raises(DBAPIError, match=r"check constraint|invalid input value for enum"):
        async with database.engine.begin() as connection:
            await connection.execute(text(f"UPDATE tasks SET {change} WHERE id = :id"), {"id": task_id})


async def test_a_batch_writes_one_event_for_each_task_in_one_transaction(database: Database) -> None:
    async with database.write("user:ann@example.org") as session:
        await enqueue_many(session, [request() for _ in range(200)])
    async with database.read() as session:
        rows = await session.execute(
            select(func.count(), func.count(TaskEvent.xid.distinct()), func.min(TaskEvent.actor))
        )
    assert rows.one() == (200, 1, "user:ann@example.org")
