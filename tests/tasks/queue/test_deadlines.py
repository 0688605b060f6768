"""What is not done by its deadline becomes a dead letter, wherever it is by then."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.tasks.models import Task
from holdgate.tasks.queue import moves
from holdgate.tasks.states import UNFINISHED, TaskState, TaskVerb
from tests.factories.approvals import put_question
from tests.factories.tasks import claim, make_task, put
from tests.factories.workers import task_of, until_state, verbs_of, working
from tests.runtime.kinds import ran

SOON = timedelta(hours=1)


@pytest.mark.parametrize("state", [state for state in UNFINISHED if state is not TaskState.RUNNING])
async def test_an_unfinished_task_in_nobody_s_hands_is_buried_at_its_deadline(
    database: Database, state: TaskState
) -> None:
    deadline = datetime.now(UTC) + SOON
    task_id = await make_task(database, state, deadline=deadline)
    async with database.write("system") as session:
        assert await moves.bury_overdue(session) == []
        assert [moved.id for moved in await moves.bury_overdue(session, now=deadline)] == [task_id]
    task = await task_of(database, task_id)
    assert (task.state, task.reason) == ("dead_letter", "Its deadline passed before it was done.")
    assert task.error == {"type": "DeadlinePassed", "message": "Its deadline passed before it was done."}
    assert (await verbs_of(database, task_id))[-1] == "bury"


async def test_a_deadline_closes_the_question_its_task_waits_on(database: Database, settings: Settings) -> None:
    asked = await put_question(database, settings)
    async with database.write("system") as session:
        await session.execute(text("UPDATE tasks SET deadline_at = now() WHERE id = :id"), {"id": asked.task_id})
        await moves.bury_overdue(session)
        found = await session.execute(text("SELECT state FROM approvals WHERE id = :id"), {"id": asked.approval_id})
        assert found.scalar_one() == "cancelled"


async def test_a_running_task_is_left_to_its_worker(database: Database) -> None:
    task_id = await make_task(database, TaskState.RUNNING, deadline=datetime.now(UTC) - SOON)
    async with database.write("system") as session:
        assert await moves.bury_overdue(session) == []
    assert (await task_of(database, task_id)).state == "running"


async def test_a_running_handler_is_cut_off_at_its_deadline(database: Database, settings: Settings) -> None:
    deadline = datetime.now(UTC) + timedelta(milliseconds=400)
    task_id = await put(database, "test.waits", "cut-off", deadline=deadline)
    async with working(database, settings, sweep=False):
        task = await until_state(database, task_id, "dead_letter")
    assert (task.reason, task.failures) == ("Its deadline passed while it was running.", 0)
    assert ran["cut-off"] == 1


async def test_a_handler_is_not_called_when_its_deadline_has_passed(database: Database, settings: Settings) -> None:
    task_id = await put(database, "test.waits", "too-late", deadline=datetime.now(UTC) - SOON)
    async with working(database, settings, sweep=False):
        task = await until_state(database, task_id, "dead_letter")
    assert (task.reason, ran["too-late"]) == ("Its deadline passed before it could start.", 0)


async def test_a_retry_by_hand_lifts_a_passed_deadline_and_keeps_one_to_come(database: Database) -> None:
    passed = await make_task(database, TaskState.DEAD_LETTER, deadline=datetime.now(UTC) - SOON)
    to_come = await make_task(database, TaskState.DEAD_LETTER, deadline=datetime.now(UTC) + SOON)
    async with database.write("user:ann@example.org") as session:
        await moves.move_tasks(session, TaskVerb.RETRY, Task.id.in_([passed, to_come]))
    assert (await task_of(database, passed)).deadline_at is None
    assert (await task_of(database, to_come)).deadline_at is not None


async def test_a_claim_and_a_deadline_at_once_never_share_a_task(database: Database) -> None:
    for _ in range(60):
        await make_task(database, deadline=datetime.now(UTC) - SOON)
    barrier = asyncio.Barrier(2)
    claimed: set[UUID] = set()
    buried: set[UUID] = set()

    async def work() -> None:
        await barrier.wait()
        while got := await claim(database, limit=3):
            claimed.update(task.id for task in got)

    async def sweep() -> None:
        await barrier.wait()
        for _ in range(30):
            async with database.write("system") as session:
                buried.update(moved.id for moved in await moves.bury_overdue(session, limit=3))

    await asyncio.gather(work(), sweep())
    assert claimed.isdisjoint(buried)
    assert len(claimed | buried) == 60
