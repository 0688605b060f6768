"""Tasks in any state, brought there along legal moves."""

from collections import deque
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

import tests.tasks.kinds  # noqa: F401
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.tasks.queue import claims
from holdgate.tasks.queue.claims import Claimed, Outcome
from holdgate.tasks.service import TaskRequest, enqueue
from holdgate.tasks.states import FINISHED, TASK_MACHINE, TaskState

LEASE = timedelta(seconds=15)
_SET = text(
    """
    UPDATE tasks SET state = :state, queued_at = CASE WHEN :state = 'queued' THEN now() ELSE queued_at END,
        claimed_at = CASE WHEN :state = 'running' THEN now() ELSE claimed_at END,
        attempt = attempt + CASE WHEN :state = 'running' THEN 1 ELSE 0 END,
      lease_expires_at = CASE WHEN :state = 'running' THEN now() + interval '15 s' END,
      finished_at = CASE WHEN :finished THEN now() END,
      run_at = CASE WHEN :state IN ('scheduled', 'retrying') THEN now() + interval '1 h' END
    WHERE id = :id
    """
)


def path_to(state: TaskState) -> list[TaskState]:
    """The shortest way from `queued`, by the table."""
    ways: dict[TaskState, list[TaskState]] = {TaskState.QUEUED: []}
    todo = deque([TaskState.QUEUED])
    while todo:
        here = todo.popleft()
        for source, target, _ in TASK_MACHINE.edges():
            if source is here and target not in ways:
                ways[target] = [*ways[here], target]
                todo.append(target)
    return ways[state]


async def make_task(database: Database, state: TaskState = TaskState.QUEUED, **request: object) -> UUID:
    """A task in `state`."""
    async with database.write("system") as session:
        wanted = {"kind": "test.nothing", "payload": {}, **request}
        task_id = await enqueue(session, TaskRequest(**wanted))  # type: ignore[arg-type]
        for step in path_to(state):
            await session.execute(_SET, {"state": step.value, "finished": step in FINISHED, "id": task_id})
    return task_id


def request(**more: object) -> TaskRequest:
    return TaskRequest(**{"kind": "test.nothing", "payload": {}, **more})  # type: ignore[arg-type]


async def claim(
    database: Database, limit: int = 10, queue: str = "default", now: datetime | None = None
) -> list[Claimed]:
    async with database.write("worker:test") as session:
        return await claims.claim_tasks(
            session, queue=queue, kinds=["test.nothing"], worker=uuid7(), limit=limit, lease=LEASE, now=now
        )


async def finish(database: Database, *outcomes: Outcome) -> set[UUID]:
    async with database.write("worker:test") as session:
        return await claims.finish_tasks(session, list(outcomes))


async def put(database: Database, kind: str, name: str, **more: object) -> UUID:
    async with database.write("system") as session:
        return await enqueue(session, TaskRequest(kind=kind, payload={"name": name}, **more))  # type: ignore[arg-type]
