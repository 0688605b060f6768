"""Changing the priority of many: the order of claims, the turns of shares, the log."""

from uuid import UUID

import pytest
from sqlalchemy import select

from holdgate.bulk import service
from holdgate.bulk.states import BulkVerb
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.runs.service import start_run
from holdgate.tasks.models import Task
from holdgate.tasks.queue.log import TaskEvent
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.service import TaskRequest
from holdgate.tasks.states import TaskState
from tests.factories.bulk import action_of, finish, start
from tests.factories.people import add_user
from tests.factories.tasks import claim, make_task
from tests.factories.workers import task_of


@pytest.fixture
async def root(database: Database) -> Principal:
    return await add_user(database, "root@example.org", "admin")


async def run_of(database: Database, by: Principal, n: int) -> UUID:
    async with database.write(by.actor) as session:
        return await start_run(session, by, "A run", [TaskRequest(kind="test.nothing", payload={})] * n)


async def prioritise(database: Database, by: Principal, wanted: TaskFilter, priority: int) -> UUID:
    action_id = await start(database, by, BulkVerb.PRIORITISE, wanted, priority=priority)
    await finish(database)
    return action_id


async def claimed_runs(database: Database, n: int) -> list[UUID | None]:
    found = []
    for _ in range(n):
        [task] = await claim(database, limit=1)
        found.append(task.run_id)
    return found


async def test_a_raised_run_takes_turns_with_one_that_was_there_before(
    database: Database, root: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "CHUNK", 7)
    large, small, low = [await run_of(database, root, n) for n in (30, 5, 5)]
    await prioritise(database, root, TaskFilter(run_id=large), 300)
    await prioritise(database, root, TaskFilter(run_id=small), 300)
    order = await claimed_runs(database, 40)
    # The small one came second and still is done after about twice its own number.
    assert order[:11].count(small) == 5
    assert low not in order[:35]
    assert order[35:] == [low] * 5


async def test_what_is_lowered_goes_behind_and_in_its_old_order(database: Database, root: Principal) -> None:
    run_id = await run_of(database, root, 4)
    other = await run_of(database, root, 2)
    await prioritise(database, root, TaskFilter(run_id=run_id), 0)
    assert await claimed_runs(database, 2) == [other, other]
    async with database.read() as session:
        ids = list((await session.execute(select(Task.id).where(Task.run_id == run_id).order_by(Task.id))).scalars())
    assert [(await claim(database, limit=1))[0].id for _ in ids] == ids


async def test_those_that_are_not_ready_keep_it_for_later_and_finished_ones_are_left_alone(
    database: Database, root: Principal
) -> None:
    waiting = [await make_task(database, state) for state in (TaskState.SCHEDULED, TaskState.RUNNING, TaskState.PAUSED)]
    done = await make_task(database, TaskState.SUCCEEDED)
    action_id = await prioritise(database, root, TaskFilter(kind="test.nothing"), 900)
    assert [(await task_of(database, id)).priority for id in (*waiting, done)] == [900] * 3 + [50]
    assert (await action_of(database, action_id)).done == 3


async def test_the_log_says_from_what_to_what_by_whom_and_the_task_s_own_reason_stays(
    database: Database, root: Principal
) -> None:
    task_id = await make_task(database)
    async with database.write("system") as session:
        task = await session.get_one(Task, task_id)
        task.reason = "Its worker was lost."
    action_id = await prioritise(database, root, TaskFilter(ids=(task_id,)), 60)
    await prioritise(database, root, TaskFilter(ids=(task_id,)), 60)
    async with database.read() as session:
        [event] = (await session.execute(select(TaskEvent).where(TaskEvent.verb == "prioritise"))).scalars()
    assert (event.from_state, event.to_state, event.data) == ("queued", "queued", {"from": 50, "to": 60})
    assert (event.actor, event.reason) == (root.actor, f"Bulk action {action_id}")
    assert (await task_of(database, task_id)).reason == "Its worker was lost."
