"""Limits of kinds: never more at once or within a time than allowed, over all workers, and nobody waits behind them."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, text

import tests.tasks.kinds  # noqa: F401
from holdgate.core.db import Database
from holdgate.core.errors import NotFound
from holdgate.core.ids import uuid7
from holdgate.core.principal import Principal
from holdgate.tasks.kinds import AnyKind, Rate, find_kind
from holdgate.tasks.models import Task
from holdgate.tasks.queue import claims, limits, marks, moves
from holdgate.tasks.queue.claims import Claimed, Outcome
from holdgate.tasks.queue.limits import Claim, KindLimits
from holdgate.tasks.queue.models import KindLimit
from holdgate.tasks.service import TaskRequest, enqueue_many
from holdgate.tasks.states import TaskState, TaskVerb
from tests.factories.people import add_user
from tests.factories.tasks import LEASE, finish

FREE, HELD = "test.free", "test.nothing"


@pytest.fixture
async def root(database: Database) -> Principal:
    return await add_user(database, "root@example.org", "admin")


async def allow(database: Database, by: Principal, most: KindLimits | None, kind: str = HELD) -> None:
    async with database.write(by.actor) as session:
        await limits.set_limits(session, by, kind, most)
    await settle(database)


async def settle(database: Database, now: datetime | None = None) -> None:
    async with database.write("system") as session:
        while await limits.settle(session, now=now):
            pass


async def put(database: Database, n: int, kind: str = HELD, **more: object) -> list[UUID]:
    async with database.write("system") as session:
        wanted = TaskRequest(**{"kind": kind, "payload": {}, **more})  # type: ignore[arg-type]
        return await enqueue_many(session, [wanted] * n)


async def take(database: Database, limit: int = 100, *, now: datetime | None = None, queue: str = "default") -> Claim:
    async with database.write("worker:test") as session:
        return await limits.claim(
            session, queue=queue, kinds=[FREE, HELD], worker=uuid7(), limit=limit, lease=LEASE, now=now
        )


async def claim(database: Database, limit: int = 100, *, now: datetime | None = None) -> list[Claimed]:
    return (await take(database, limit, now=now)).tasks


async def running(database: Database) -> int:
    async with database.read() as session:
        found = select(func.count()).select_from(Task).where(Task.state == "running", Task.kind == HELD)
        return (await session.execute(found)).scalar_one()


def done(task: Claimed) -> Outcome:
    return Outcome(task.id, task.attempt, TaskState.SUCCEEDED)


async def test_no_more_than_allowed_run_at_once_and_a_finished_one_makes_room(
    database: Database, root: Principal
) -> None:
    await allow(database, root, KindLimits(concurrency=2))
    await put(database, 10)
    first, second = await claim(database)
    assert await claim(database) == []
    await finish(database, done(first))
    assert len(await claim(database)) == 1
    await finish(database, Outcome(second.id, second.attempt, TaskState.RETRYING, delay=60.0, failed=True))
    assert len(await claim(database)) == 1
    assert await running(database) == 2


async def test_two_claimers_at_once_never_take_more_than_allowed(database: Database, root: Principal) -> None:
    await allow(database, root, KindLimits(concurrency=3))
    await put(database, 200)
    for _ in range(25):
        barrier = asyncio.Barrier(4)

        async def claimer(barrier=barrier) -> list[Claimed]:  # type: ignore[no-untyped-def]
            async with database.write("worker:test") as session:
                await session.execute(select(1))
                await barrier.wait()
                found = await limits.claim(session, queue="default", kinds=[HELD], worker=uuid7(), limit=2, lease=LEASE)
                return found.tasks

        claimed = [task for share in await asyncio.gather(*(claimer() for _ in range(4))) for task in share]
        assert len(claimed) == len({task.id for task in claimed})
        assert await running(database) == 3
        await finish(database, *map(done, claimed[:2] or claimed))


async def test_the_limit_holds_over_queues_and_for_tasks_of_every_priority(database: Database, root: Principal) -> None:
    await allow(database, root, KindLimits(concurrency=2))
    await put(database, 3, queue="slow")
    await put(database, 3, priority=900)
    assert len((await take(database, queue="slow", limit=1)).tasks) == 1
    assert len(await claim(database)) == 1
    assert (await take(database, queue="slow")).tasks == []


async def test_a_lost_task_counts_until_it_is_recovered(database: Database, root: Principal) -> None:
    await allow(database, root, KindLimits(concurrency=1))
    await put(database, 2)
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    [lost] = await claim(database, now=long_ago)
    assert await claim(database) == []
    async with database.write("system") as session:
        await moves.recover_lost(session, most=3)
    [again] = await claim(database)
    assert again.id == lost.id
    assert await claim(database) == []


async def test_a_held_task_makes_room(database: Database, root: Principal) -> None:
    await allow(database, root, KindLimits(concurrency=1))
    await put(database, 2)
    [held] = await claim(database)
    async with database.write("worker:test") as session:
        await moves.move_tasks(session, TaskVerb.HOLD, Task.id == held.id)
    assert len(await claim(database)) == 1


async def test_a_full_kind_lets_everybody_else_pass_at_the_same_priority_and_above(
    database: Database, root: Principal
) -> None:
    await allow(database, root, KindLimits(concurrency=1))
    await put(database, 50, priority=900)
    free = await put(database, 5, FREE)
    assert {task.kind for task in await claim(database, 1)} == {HELD}
    assert {task.id for task in await claim(database, 5)} == set(free)


async def test_priority_goes_first_and_within_it_limited_kinds_take_turns_with_the_others(
    database: Database, root: Principal
) -> None:
    await allow(database, root, KindLimits(concurrency=10))
    low = await put(database, 1, priority=10)
    early = await put(database, 1)
    middle = await put(database, 1, FREE)
    late = await put(database, 1)
    high = await put(database, 1, FREE, priority=90)
    order = [(await claim(database, 1))[0].id for _ in range(5)]
    assert order[:2] == high + early
    assert set(order[2:4]) == {*middle, *late}  # one each, side by side in two lines
    assert order[4:] == low


async def test_another_priority_changes_the_place_and_not_the_limit(database: Database, root: Principal) -> None:
    await allow(database, root, KindLimits(concurrency=1))
    _, second = await put(database, 2)
    async with database.write(root.actor) as session:
        await marks.set_priority(session, Task.id == second, 300)
    assert [task.id for task in await claim(database)] == [second]


async def test_one_limited_task_does_not_wait_behind_a_queue_that_is_never_empty(
    database: Database, root: Principal
) -> None:
    ann, bob = await add_user(database, "ann@example.org"), await add_user(database, "bob@example.org")
    await allow(database, root, KindLimits(concurrency=5))
    await put(database, 500, FREE, owner_id=ann.id)
    await claim(database, 200)
    [one] = await put(database, 1, owner_id=bob.id)
    assert one in {task.id for task in await claim(database, 3)}


async def test_one_unlimited_task_does_not_wait_behind_all_of_a_limited_kind_that_has_room(
    database: Database, root: Principal
) -> None:
    ann, bob = await add_user(database, "ann@example.org"), await add_user(database, "bob@example.org")
    await allow(database, root, KindLimits(concurrency=400))
    await put(database, 500, owner_id=ann.id)
    await claim(database, 200)
    [one] = await put(database, 1, FREE, owner_id=bob.id)
    assert one in {task.id for task in await claim(database, 3)}


async def test_runs_take_turns_within_a_limited_kind_too(database: Database, root: Principal) -> None:
    ann, bob = await add_user(database, "ann@example.org"), await add_user(database, "bob@example.org")
    await allow(database, root, KindLimits(concurrency=30))
    await put(database, 1500, owner_id=ann.id)
    await put(database, 500, owner_id=ann.id)
    await put(database, 10, owner_id=bob.id)
    order = await claim(database, 30)
    assert sum(task.owner_id == bob.id for task in order) == 10


async def test_a_new_limit_holds_for_what_waits_and_counts_what_runs(database: Database, root: Principal) -> None:
    await put(database, 30)
    assert len(await claim(database, 3)) == 3
    await allow(database, root, KindLimits(concurrency=5))
    assert len(await claim(database)) == 2
    await allow(database, root, KindLimits(concurrency=1))
    assert await claim(database) == []


async def test_a_lifted_limit_lets_all_go_in_their_order_and_nobody_overtakes(
    database: Database, root: Principal
) -> None:
    await allow(database, root, KindLimits(concurrency=0))
    blocked = await put(database, 20)
    assert await claim(database) == []
    free = await put(database, 3, FREE)
    await allow(database, root, KindLimits())
    async with database.write("worker:test") as session:
        head = (await session.execute(text("SELECT holdgate_head('default', 50)"))).scalar_one()
        assert head == await session.scalar(select(func.min(Task.position)).where(Task.id.in_(free)))
    order = [(await claim(database, 1))[0].id for _ in range(23)]
    assert [each for each in order if each in blocked] == blocked
    assert set(order) == {*blocked, *free}


async def test_a_task_that_was_put_off_is_under_the_limit_that_holds_when_it_is_ready(
    database: Database, root: Principal
) -> None:
    now = datetime.now(UTC)
    await put(database, 5, run_at=now + timedelta(hours=1))
    await allow(database, root, KindLimits(concurrency=2))
    await settle(database, now + timedelta(minutes=5))
    async with database.write("system") as session:
        await moves.promote_due(session, now=now + timedelta(hours=2))
    assert len(await claim(database)) == 2


async def test_a_change_is_settled_half_a_minute_later_when_no_older_transaction_can_add_a_task(
    database: Database, root: Principal
) -> None:
    async with database.write("system") as slow:
        await enqueue_many(slow, [TaskRequest(kind=HELD, payload={})] * 4)
        await allow(database, root, KindLimits(concurrency=1))
    await settle(database)
    assert len(await claim(database)) == 1
    await settle(database, datetime.now(UTC) + timedelta(seconds=31))
    async with database.read() as session:
        assert (await session.get_one(KindLimit, HELD)).settled_at is not None


async def test_a_rate_lets_a_bucket_start_at_once_and_then_as_it_fills(database: Database, root: Principal) -> None:
    await allow(database, root, KindLimits(rate=Rate(10, timedelta(minutes=1))))
    await put(database, 100)
    now = datetime.now(UTC) + timedelta(minutes=1)
    assert len(await claim(database, now=now)) == 10
    for seconds, starts in ((1, 0), (6, 1), (7, 0), (30, 4), (30, 0), (3600, 10)):
        assert len(await claim(database, now=now + timedelta(seconds=seconds))) == starts
    assert (await take(database, now=now + timedelta(seconds=3602))).wait == pytest.approx(4.0, abs=0.01)


async def test_claimers_at_once_start_no_more_than_the_rate_allows(database: Database, root: Principal) -> None:
    await allow(database, root, KindLimits(rate=Rate(7, timedelta(minutes=1))))
    await put(database, 100)
    now = datetime.now(UTC) + timedelta(minutes=1)
    for minute in range(5):
        barrier = asyncio.Barrier(4)

        async def claimer(at=now + timedelta(minutes=minute), barrier=barrier) -> int:  # type: ignore[no-untyped-def]
            async with database.write("worker:test") as session:
                await session.execute(select(1))
                await barrier.wait()
                found = await limits.claim(
                    session, queue="default", kinds=[HELD], worker=uuid7(), limit=5, lease=LEASE, now=at
                )
                return len(found.tasks)

        assert sum(await asyncio.gather(*(claimer() for _ in range(4)))) == 7


async def test_starts_of_a_claim_that_never_committed_are_not_used_up(database: Database, root: Principal) -> None:
    await allow(database, root, KindLimits(rate=Rate(3, timedelta(hours=1))))
    await put(database, 5)
    with pytest.raises(ConnectionError):
        async with database.write("worker:killed") as session:
            found = await limits.claim(session, queue="default", kinds=[HELD], worker=uuid7(), limit=9, lease=LEASE)
            assert len(found.tasks) == 3
            raise ConnectionError
    assert len(await claim(database)) == 3
    assert await claim(database) == []


async def test_what_a_kind_declares_holds_until_an_administrator_says_otherwise(
    database: Database, root: Principal
) -> None:
    declared = replace(find_kind(HELD), concurrency=2, rate=Rate(5, timedelta(hours=1)))
    await declare(database, declared)
    assert await limits_now(database) == KindLimits(2, Rate(5, timedelta(hours=1)))
    await allow(database, root, KindLimits(concurrency=7))
    await declare(database, declared)
    assert await limits_now(database) == KindLimits(7)
    await allow(database, root, None)  # the catalogue of this process declares none
    assert await limits_now(database) == KindLimits()
    await declare(database, declared)
    assert await limits_now(database) == KindLimits(2, Rate(5, timedelta(hours=1)))
    await declare(database, find_kind(HELD))
    assert await limits_now(database) == KindLimits()
    async with database.read() as session:
        told = [(event.limits, event.actor) for event in await limits.latest_events(session)]
    assert told == [
        ("none", "worker:test"),
        ("2 at once, 5 per 01:00:00", "worker:test"),
        ("none", root.actor),
        ("7 at once", root.actor),
        ("2 at once, 5 per 01:00:00", "worker:test"),
    ]


async def declare(database: Database, kind: AnyKind) -> None:
    async with database.write("worker:test") as session:
        await limits.declare(session, [kind])


async def limits_now(database: Database) -> KindLimits:
    async with database.read() as session:
        return limits.limits_of(await session.get_one(KindLimit, HELD))


async def test_a_limit_of_a_kind_that_does_not_exist_is_not_found(database: Database, root: Principal) -> None:
    with pytest.raises(NotFound):
        await allow(database, root, KindLimits(concurrency=1), "test.unknown")


async def test_a_paused_queue_gives_out_no_limited_task_either(database: Database, root: Principal) -> None:
    await allow(database, root, KindLimits(concurrency=5))
    await put(database, 3)
    async with database.write("system") as session:
        await session.execute(text("INSERT INTO queues VALUES ('default', now(), 'x')"))
    assert await claim(database) == []


async def test_the_claim_of_unlimited_kinds_leaves_limited_tasks_alone(database: Database, root: Principal) -> None:
    await allow(database, root, KindLimits(concurrency=5))
    await put(database, 3)
    async with database.write("worker:test") as session:
        taken = await claims.claim_tasks(session, queue="default", kinds=[HELD], worker=uuid7(), limit=5, lease=LEASE)
    assert taken == []


async def test_a_full_kind_s_waiting_tasks_are_not_walked_over(database: Database, root: Principal) -> None:
    await allow(database, root, KindLimits(concurrency=1))
    await put(database, 5000, priority=900)
    await put(database, 20, FREE)
    assert len(await claim(database, 1)) == 1
    async with database.write("system") as session:
        await session.execute(text("ANALYZE tasks"))
        plan = await session.execute(
            text("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + claims.FREE.replace("SKIP LOCKED", "")),
            {"queue": "default", "kinds": [FREE, HELD], "look": 20, "least": 0, "most": 0},
        )
        root_node = plan.scalar_one()[0]["Plan"]
    assert root_node["Actual Rows"] == 20
    assert root_node["Shared Hit Blocks"] + root_node["Shared Read Blocks"] < 200
