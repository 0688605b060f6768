"""Outcomes are written together, and one that can’t be stored keeps none of the others."""

import asyncio
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import text

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.runtime.finisher import BATCH, MOST_BYTES, Finisher, _together
from holdgate.tasks.models import Task
from holdgate.tasks.queue import claims
from holdgate.tasks.queue.claims import Attempt, Outcome
from holdgate.tasks.service import TaskRequest, enqueue_many
from holdgate.tasks.states import TaskState
from tests.factories.workers import task_of


async def in_hand(database: Database, settings: Settings, number: int) -> list[Attempt]:
    async with database.write("system") as session:
        await enqueue_many(session, [TaskRequest(kind="test.steps", payload={"name": "x"})] * number)
    async with database.write("worker:x") as session:
        claimed = await claims.claim_tasks(
            session, queue="default", kinds=["test.steps"], worker=uuid7(), limit=number, lease=settings.lease
        )
    return [(task.id, task.attempt) for task in claimed]


# None of these gets as far as here any more; it is the last line behind the checks before it.
BAD: list[dict[str, object]] = [
    {"result": '"\\u0000"'},
    {"result": "no json"},
    {"reason": "caf\udce9"},
    {"reason": "a\0b"},
    {"delay": 1e12, "state": TaskState.RETRYING},
    {"delay": float("inf"), "state": TaskState.RETRYING},
    {"delay": 8000 * 365 * 86400.0, "state": TaskState.RETRYING},
]


async def test_an_outcome_that_cannot_be_stored_buries_its_task_alone(database: Database, settings: Settings) -> None:
    held = await in_hand(database, settings, 60)
    done: list[UUID] = []
    finisher = Finisher(database, "worker:x", lambda attempts: done.extend(id for id, _ in attempts))
    outcomes = [Outcome(id, attempt, TaskState.SUCCEEDED, result="1") for id, attempt in held]
    for number, bad in enumerate(BAD):
        outcomes[7 * number] = msgspec.structs.replace(outcomes[7 * number], **bad)
    for outcome in outcomes:
        finisher.put(outcome)
    job = asyncio.create_task(finisher.run())
    async with asyncio.timeout(20):
        await finisher.flushed()
    job.cancel()
    assert sorted(done) == sorted(id for id, _ in held)
    async with database.read() as session:
        rows = await session.execute(text("SELECT state, count(*) FROM tasks GROUP BY state"))
        assert {row[0]: row[1] for row in rows} == {"succeeded": 60 - len(BAD), "dead_letter": len(BAD)}
    for number in range(len(BAD)):
        task = await task_of(database, outcomes[7 * number].id)
        assert task.reason == "The outcome could not be stored. The worker's log says why."


def test_large_outcomes_are_not_written_in_one_statement() -> None:
    def outcome(size: int) -> Outcome:
        return Outcome(uuid7(), 1, TaskState.SUCCEEDED, result="x" * size)

    assert _together([outcome(1)] * (BATCH + 1)) == BATCH
    assert _together([outcome(MOST_BYTES // 2)] * 5) == 2
    assert _together([outcome(MOST_BYTES * 2)] * 5) == 1
    assert _together([outcome(1), outcome(MOST_BYTES)]) == 1


@pytest.mark.parametrize("moment", ["infinity", "-infinity", "20000-01-01 00:00+00", "4000-01-01 BC"])
@pytest.mark.parametrize("column", ["run_at", "deadline_at"])
async def test_no_time_that_python_cannot_read_is_taken_from_a_client(
    database: Database, settings: Settings, column: str, moment: str
) -> None:
    """One such row would break every list that has it."""
    await in_hand(database, settings, 1)
    connection = await database.engine.connect()
    with pytest.raises(Exception, match=f"tasks_{column}_check"):
        await connection.execute(text(f"UPDATE tasks SET {column} = '{moment}'"))
    await connection.close()
    async with database.read() as session:
        assert await session.get(Task, (await session.scalar(text("SELECT id FROM tasks"))))
