"""A task that waits for a time holds no worker, uses up no try, and never sleeps twice under one name."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.tasks.models import Task
from holdgate.tasks.queue import moves, steps
from holdgate.tasks.service import TaskRequest, enqueue
from holdgate.tasks.states import TaskVerb
from holdgate.testing import KindTester
from tests.factories.tasks import claim, make_task
from tests.factories.workers import task_of, until, until_state, verbs_of, working
from tests.runtime.kinds import ran

HOUR = timedelta(hours=1)


async def put(database: Database, name: str) -> UUID:
    async with database.write("system") as session:
        return await enqueue(session, TaskRequest(kind="test.sleeps", payload={"name": name}))


async def test_a_sleeping_task_holds_no_worker_and_uses_up_no_try(database: Database, settings: Settings) -> None:
    task_id = await put(database, "asleep")
    async with working(database, settings) as dispatcher:
        task = await until_state(database, task_id, "scheduled")
        assert task.run_at is not None

        async def free() -> bool:
            return dispatcher.in_hand == 0

        await until(free)
    assert (task.failures, task.worker_id, task.lease_expires_at) == (0, None, None)
    assert timedelta(minutes=59) < task.run_at - datetime.now(UTC) <= HOUR
    assert task.reason == "Sleeps: nap"


async def test_a_task_that_wakes_up_goes_on_behind_its_sleep(database: Database, settings: Settings) -> None:
    task_id = await put(database, "wakes")
    async with working(database, settings):
        await until_state(database, task_id, "scheduled")
        async with database.write("system") as session:
            await session.execute(text("UPDATE task_steps SET result = to_jsonb(now()) WHERE name = 'nap'"))
            await session.execute(text("UPDATE tasks SET run_at = now()"))
        task = await until_state(database, task_id, "succeeded")
    assert (task.result, task.failures, ran["wakes"], ran["wakes.before"]) == ("rested", 0, 2, 1)
    assert await verbs_of(database, task_id) == ["enqueue", "claim", "snooze", "promote", "claim", "succeed"]


async def test_who_is_woken_early_sleeps_for_the_rest_and_not_anew(database: Database) -> None:
    task_id = await make_task(database)
    start = datetime.now(UTC)
    [first] = await claim(database)
    async with database.write("worker:test") as session:
        assert await steps.snooze(session, task_id, first.attempt, "nap", HOUR, now=start) is False
    async with database.write("user:ann@example.org") as session:
        await moves.move_tasks(session, TaskVerb.CANCEL, Task.id == task_id)
        await moves.move_tasks(session, TaskVerb.RETRY, Task.id == task_id)
    [again] = await claim(database)
    async with database.write("worker:test") as session:
        later = start + HOUR / 2
        assert await steps.snooze(session, task_id, again.attempt, "nap", HOUR, now=later) is False
    assert (await task_of(database, task_id)).run_at == start + HOUR
    async with database.write("system") as session:
        assert len(await moves.promote_due(session, now=start + HOUR)) == 1
    [last] = await claim(database)
    async with database.write("worker:test") as session:
        over = start + HOUR
        assert await steps.snooze(session, task_id, last.attempt, "nap", HOUR, now=over) is True


async def test_a_late_worker_cannot_lay_a_task_to_sleep(database: Database) -> None:
    task_id = await make_task(database)
    [late] = await claim(database, now=datetime.now(UTC) - HOUR)
    async with database.write("system") as session:
        await moves.recover_lost(session, most=3)
    [fresh] = await claim(database)
    async with database.write("worker:late") as session:
        assert await steps.snooze(session, task_id, late.attempt, "nap", HOUR) is None
    task = await task_of(database, task_id)
    assert (task.state, task.attempt) == ("running", fresh.attempt)


async def test_the_test_helper_sleeps_no_hour(database: Database, settings: Settings) -> None:
    async with KindTester(database, settings) as tester:
        task_id = await tester.enqueue("test.sleeps", {"name": "tester"})
        assert await tester.run(task_id) == "scheduled"
        assert await tester.finish(task_id) == "succeeded"
