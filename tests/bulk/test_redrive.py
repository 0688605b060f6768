"""The canary redrive: one first, then more, and no further when the same error comes back."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, text

from holdgate.bulk import queries, service
from holdgate.bulk.errors import ActionEnded
from holdgate.bulk.states import BulkVerb
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.tasks.models import Task
from holdgate.tasks.queue.moves import move_tasks
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.states import TaskState, TaskVerb
from tests.factories.bulk import action_of, beat, buried, fail, log_of, run, start, succeed
from tests.factories.people import add_user
from tests.factories.workers import task_of, verbs_of

DEAD_LETTERS = TaskFilter(states=("dead_letter",))


class Clock:
    """Looks are a second apart: every call is later than the one before."""

    def __init__(self, begin: datetime) -> None:
        self.now = begin

    def later(self) -> datetime:
        self.now += timedelta(seconds=2)
        return self.now


@pytest.fixture
async def ann(database: Database) -> Principal:
    return await add_user(database, "ann@example.org")


@pytest.fixture
async def clock(database: Database) -> Clock:
    async with database.read() as session:
        return Clock((await session.execute(select(func.now()))).scalar_one())


async def look(database: Database, clock: Clock) -> None:
    """Beats until nothing more is to do at this moment."""
    now = clock.later()
    while await beat(database, now):
        pass


async def queued(database: Database) -> list[UUID]:
    async with database.read() as session:
        return list((await session.execute(text("SELECT id FROM tasks WHERE state = 'queued' ORDER BY id"))).scalars())


async def redrive(database: Database, ann: Principal) -> UUID:
    return await start(database, ann, BulkVerb.RETRY, DEAD_LETTERS, canary=True)


async def test_one_goes_first_then_ten_then_a_hundred_each_when_the_step_before_has_ended(
    database: Database, ann: Principal, clock: Clock
) -> None:
    await buried(database, 130, owner_id=ann.id)
    action_id = await redrive(database, ann)
    for size in (1, 10, 100, 19):
        await look(database, clock)
        released = await queued(database)
        assert len(released) == size
        held_back = await run(database, released[:1])
        await succeed(database, released[1:])
        await look(database, clock)
        assert await queued(database) == []
        async with database.write("worker:x") as session:
            await move_tasks(session, TaskVerb.REQUEUE, Task.id == held_back[0].id)
        await succeed(database, released[:1])
    await look(database, clock)
    action = await action_of(database, action_id)
    assert (action.state, action.done, action.skipped, action.step) == ("finished", 130, 0, 4)


@pytest.mark.parametrize("state", [TaskState.DEAD_LETTER, TaskState.RETRYING])
async def test_it_stops_by_itself_when_the_same_error_comes_back(
    database: Database, ann: Principal, clock: Clock, state: TaskState
) -> None:
    await buried(database, 30, "Posting 17 is gone.", owner_id=ann.id)
    action_id = await redrive(database, ann)
    await look(database, clock)
    await succeed(database, await queued(database))
    await look(database, clock)
    ten = await queued(database)
    assert len(ten) == 10
    await fail(database, ten[3:4], "Posting 4711 is gone.", state)
    await look(database, clock)
    action = await action_of(database, action_id)
    assert (action.state, action.done) == ("stopped", 11)
    assert action.reason == "1 task failed again with the same error."
    assert (await log_of(database, action_id))[-1].actor == "system"
    await look(database, clock)
    assert len(await queued(database)) == 9


async def test_another_error_does_not_stop_it(database: Database, ann: Principal, clock: Clock) -> None:
    await buried(database, 20, owner_id=ann.id)
    action_id = await redrive(database, ann)
    await look(database, clock)
    await succeed(database, await queued(database))
    await look(database, clock)
    ten = await queued(database)
    await fail(database, ten[:4], "Something else altogether.")
    await succeed(database, ten[4:])
    await look(database, clock)
    await succeed(database, await queued(database))
    await look(database, clock)
    action = await action_of(database, action_id)
    assert (action.state, action.done, action.failed) == ("finished", 20, 4)


async def test_when_nothing_of_a_step_gets_through_it_asks_and_a_person_lets_it_go_on(
    database: Database, ann: Principal, clock: Clock
) -> None:
    await buried(database, 5, owner_id=ann.id)
    action_id = await redrive(database, ann)
    await look(database, clock)
    await fail(database, await queued(database), "Something else altogether.")
    await look(database, clock)
    await look(database, clock)
    action = await action_of(database, action_id)
    assert (action.state, action.done) == ("waiting", 1)
    assert "with other errors" in (action.reason or "")
    async with database.write(ann.actor) as session:
        await service.go_on(session, ann, action_id)
    await look(database, clock)
    assert len(await queued(database)) == 4
    continued = (await log_of(database, action_id))[-1]
    assert (continued.from_state, continued.to_state, continued.actor) == ("waiting", "running", ann.actor)


async def test_a_canary_that_reaches_a_person_is_gone_past_and_still_stops_it_when_it_fails_the_same_way(
    database: Database, ann: Principal, clock: Clock
) -> None:
    await buried(database, 30, owner_id=ann.id)
    action_id = await redrive(database, ann)
    await look(database, clock)
    [canary] = await queued(database)
    await run(database, [canary])
    await hold(database, canary)
    await look(database, clock)
    ten = await queued(database)
    assert ((await action_of(database, action_id)).state, len(ten)) == ("running", 10)
    await succeed(database, ten)
    async with database.read() as session:
        assert await queries.count_succeeded(session, action_id) == 10
    await release(database, canary)
    await fail(database, [canary])
    await look(database, clock)
    action = await action_of(database, action_id)
    assert (action.state, action.done) == ("stopped", 11)


async def test_one_that_waits_can_be_stopped_and_then_not_be_continued(
    database: Database, ann: Principal, clock: Clock
) -> None:
    await buried(database, 3, owner_id=ann.id)
    action_id = await redrive(database, ann)
    await look(database, clock)
    await fail(database, await queued(database), "Something else altogether.")
    await look(database, clock)
    async with database.write(ann.actor) as session:
        await service.stop(session, ann, action_id)
    async with database.write(ann.actor) as session:
        with pytest.raises(ActionEnded):
            await service.go_on(session, ann, action_id)
    await look(database, clock)
    assert await queued(database) == []


async def test_a_step_of_which_nothing_can_be_moved_any_more_counts_for_none(
    database: Database, ann: Principal, clock: Clock
) -> None:
    ids = await buried(database, 12, owner_id=ann.id)
    action_id = await redrive(database, ann)
    other = await start(database, ann, BulkVerb.RESOLVE, TaskFilter(ids=(ids[0],)))
    async with database.write("system") as session:
        await session.execute(text("UPDATE bulk_actions SET due_at = '-infinity' WHERE id = :id"), {"id": other})
    await look(database, clock)
    assert await queued(database) == ids[1:2]
    action = await action_of(database, action_id)
    assert (action.done, action.skipped, action.step) == (1, 1, 1)
    assert (await task_of(database, ids[0])).standing == "resolved"
    assert "retry" not in await verbs_of(database, ids[0])


async def hold(database: Database, task_id: UUID) -> None:
    async with database.write("worker:x") as session:
        await move_tasks(session, TaskVerb.HOLD, Task.id == task_id)


async def release(database: Database, task_id: UUID) -> None:
    async with database.write("system") as session:
        await move_tasks(session, TaskVerb.APPROVE, Task.id == task_id)
