"""Tasks in any state, brought there along legal moves."""

from collections import deque
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

import tests.tasks.kinds  # noqa: F401
from holdgate.core.db import Database, WriteSession
from holdgate.core.ids import uuid7
from holdgate.tasks.models import Task
from holdgate.tasks.queue import claims, moves, steps
from holdgate.tasks.queue.claims import Claimed, Outcome
from holdgate.tasks.service import TaskRequest, enqueue, enqueue_many
from holdgate.tasks.states import FINISHED, TASK_MACHINE, TaskState, TaskVerb

LEASE = timedelta(seconds=15)
_SET = text(
    """
    UPDATE tasks SET state = :state, queued_at = CASE WHEN :state = 'queued' THEN now() ELSE queued_at END,
        claimed_at = CASE WHEN :state = 'running' THEN now() ELSE claimed_at END,
        attempt = attempt + CASE WHEN :state = 'running' THEN 1 ELSE 0 END,
      lease_expires_at = CASE WHEN :state = 'running' THEN now() + interval '15 s' END,
      finished_at = CASE WHEN :finished THEN now() END,
      run_at = CASE WHEN :state IN ('scheduled', 'retrying') THEN now() + interval '1 h' END
    WHERE id = ANY(CAST(:ids AS uuid[]))
    """
)
_OF_TASKS = text(
    """
    SELECT table_name FROM information_schema.columns
    WHERE column_name = 'task_id' AND is_updatable = 'YES' AND table_schema = current_schema()
    """
)
_ANEW = "unnest(CAST(:ids AS uuid[]), CAST(:olds AS uuid[])) AS n(id, old)"
_EARLIER = text(
    """
    UPDATE tasks SET created_at = created_at - CAST(:by AS interval), finished_at = finished_at - CAST(:by AS interval)
    WHERE id = ANY(CAST(:olds AS uuid[]))
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


async def make_task(database: Database, state: TaskState = TaskState.QUEUED, **more: object) -> UUID:
    """A task in `state`."""
    return (await make_tasks(database, state, [request(**more)]))[0]


async def make_tasks(database: Database, state: TaskState, wanted: list[TaskRequest]) -> list[UUID]:
    """All of them in `state`."""
    async with database.write("system") as session:
        made = await enqueue_many(session, wanted)
        for step in path_to(state):
            await session.execute(_SET, {"state": step.value, "finished": step in FINISHED, "ids": made})
    return made


async def older(database: Database, *ids: UUID, by: timedelta = timedelta(days=31)) -> list[UUID]:
    """As if they had been made, and had ended, so long before: with the ids of that time, which it returns."""
    olds = [UUID(int=id.int - (round(by.total_seconds() * 1000) << 80)) for id in ids]
    async with database.write("system") as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))  # no trigger, no foreign key
        for table in ["tasks", *(await session.execute(_OF_TASKS)).scalars()]:
            column = "id" if table == "tasks" else "task_id"
            anew = f"UPDATE {table} SET {column} = n.old FROM {_ANEW} WHERE {table}.{column} = n.id"
            await session.execute(text(anew), {"ids": list(ids), "olds": olds})
        await session.execute(_EARLIER, {"by": by, "olds": olds})
    return olds


def request(**more: object) -> TaskRequest:
    return TaskRequest(**{"kind": "test.nothing", "payload": {}, **more})  # type: ignore[arg-type]


async def claim(
    database: Database, limit: int = 10, queue: str = "default", now: datetime | None = None
) -> list[Claimed]:
    async with database.write("worker:test") as session:
        return await claims.claim_tasks(
            session, queue=queue, kinds=["test.nothing"], worker=uuid7(), limit=limit, lease=LEASE, now=now
        )


WORKERS_VERBS = (TaskVerb.SUCCEED, TaskVerb.RETRY_LATER, TaskVerb.BURY, TaskVerb.REQUEUE)


async def apply(session: WriteSession, verb: TaskVerb, *tasks: UUID) -> list[UUID]:
    """The verb by the statement that does it in life; the tasks are in one state and one queue. Returns those moved."""
    found = [await session.get_one(Task, task_id) for task_id in tasks]
    first = found[0]
    if verb is TaskVerb.CLAIM:
        kinds, limit = ["test.nothing"], len(tasks)
        claimed = await claims.claim_tasks(
            session, queue=first.queue, kinds=kinds, worker=uuid7(), limit=limit, lease=LEASE
        )
        return [task.id for task in claimed]
    if verb in WORKERS_VERBS and not (verb is TaskVerb.BURY and first.state != TaskState.RUNNING):
        delay = 60.0 if verb is TaskVerb.RETRY_LATER else None
        target = TASK_MACHINE.moves[verb].targets[0]
        outcomes = [Outcome(task.id, task.attempt, target, delay=delay) for task in found]
        return list(await claims.finish_tasks(session, outcomes))
    if verb is TaskVerb.SNOOZE:
        nap = timedelta(hours=1)
        # In life each in a transaction of its own.
        each = sorted(found, key=lambda task: task.id)
        return [task.id for task in each if await steps.snooze(session, task.id, task.attempt, "nap", nap) is False]
    return [moved.id for moved in await moves.move_tasks(session, verb, Task.id.in_(tasks))]


async def finish(database: Database, *outcomes: Outcome) -> set[UUID]:
    async with database.write("worker:test") as session:
        return await claims.finish_tasks(session, list(outcomes))


async def put(database: Database, kind: str, name: str, **more: object) -> UUID:
    async with database.write("system") as session:
        return await enqueue(session, TaskRequest(kind=kind, payload={"name": name}, **more))  # type: ignore[arg-type]
