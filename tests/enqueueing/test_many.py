"""Many tasks in one call: what is the same for all of them is said once."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

import tests.runtime.kinds  # noqa: F401
from holdgate.core.db import Database
from holdgate.core.errors import Invalid
from holdgate.tasks.models import Task
from holdgate.tasks.service import TaskRequest, enqueue_many
from holdgate.tasks.states import TaskState

OWNER, RUN = UUID(int=7), UUID(int=8)


@pytest.fixture(autouse=True)
async def _people(database: Database) -> None:
    async with database.write("system") as session:
        await session.execute(text("INSERT INTO users (id, email) VALUES (:id, 'ann@example.org')"), {"id": OWNER})
        await session.execute(
            text("INSERT INTO runs (id, owner_id, name) VALUES (:id, :owner, 'R')"), {"id": RUN, "owner": OWNER}
        )


def asked(number: int, **given: Any) -> TaskRequest:
    return TaskRequest(kind="test.steps", **{"payload": {"name": str(number)}, **given})


@pytest.mark.parametrize(
    ("count", "options"),
    [
        (300, lambda n: {}),
        (3, lambda n: {"payload": {"name": "same"}, "title": "same", "owner_id": OWNER, "run_id": RUN}),
        (3, lambda n: {"queue": ("mail", "default")[n % 2], "priority": 40, "max_attempts": 9, "owner_id": OWNER}),
        (4, lambda n: {"run_id": (None, RUN)[n // 2], "subject": (None, str(n))[n // 2]}),
        (3, lambda n: {"run_at": (None, datetime(2099, 1, 1, tzinfo=UTC))[n % 2]}),
        (3, lambda n: {"title": "same", "subject": "same", "deadline": datetime(2099, 1, 1, tzinfo=UTC)}),
    ],
    ids=[
        "payloads of their own",
        "all the same",
        "two queues",
        "a run and none",
        "some later",
        "one subject and deadline",
    ],
)
@pytest.mark.parametrize("state", [None, TaskState.PAUSED])
async def test_each_task_is_what_was_asked_for(
    database: Database, count: int, options: Any, state: TaskState | None
) -> None:
    requests = [asked(number, **options(number)) for number in range(count)]
    async with database.write("system") as session:
        ids = await enqueue_many(session, requests, state=state)
    assert ids == sorted(ids)
    async with database.read() as session:
        found = {task.id: task for task in await session.scalars(select(Task))}
    for request, id in zip(requests, ids, strict=True):
        task = found[id]
        assert (task.kind, task.payload, task.queue) == (request.kind, request.payload, request.queue or "default")
        assert (task.priority, task.title, task.subject) == (request.priority, request.title, request.subject)
        assert (task.run_id, task.owner_id) == (request.run_id, request.owner_id)
        assert (task.run_at, task.deadline_at) == (request.run_at, request.deadline)
        assert task.max_attempts == (request.max_attempts or 3)
        assert task.state == (state or ("scheduled" if request.run_at else "queued"))
    line = sorted((task for task in found.values() if task.state == "queued"), key=lambda task: task.position)
    for queue in ("mail", "default"):
        for run in (None, RUN):
            ids = [task.id for task in line if (task.queue, task.run_id) == (queue, run)]
            assert ids == sorted(ids)


async def test_one_that_does_not_fit_keeps_the_others_out_and_the_transaction_goes_on(database: Database) -> None:
    async with database.write("system") as session:
        with pytest.raises(Invalid):
            await enqueue_many(session, [*map(asked, range(3)), asked(0, priority=5000)])
        kept = await enqueue_many(session, [asked(1)])
    async with database.read() as session:
        assert list(await session.scalars(select(Task.id))) == kept
