"""One attempt of one task in the caller's own process, for debugging: `holdgate run`."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from holdgate.core.config import Settings
from holdgate.core.db import Database, WriteSession
from holdgate.core.errors import Conflict
from holdgate.core.ids import uuid7
from holdgate.core.principal import Principal
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.attempts.execution import execute
from holdgate.runtime.attempts.executors import Executors
from holdgate.runtime.resources import Resources
from holdgate.tasks import service
from holdgate.tasks.errors import TaskNotFound
from holdgate.tasks.models import Task
from holdgate.tasks.queue import claims, moves
from holdgate.tasks.queue.claims import Claimed, Outcome
from holdgate.tasks.queue.foreground import claim_one
from holdgate.tasks.states import TASK_MACHINE, TaskState, TaskVerb

ACTOR = "worker:foreground"
LEASE = timedelta(hours=1)  # nobody renews it while somebody looks at a stopped program
GIVEN_BACK = "Given back by `holdgate run`."


async def run_one(
    database: Database, settings: Settings, task_id: UUID, *, retry: bool, watch: Callable[[BaseException], None]
) -> Task:
    """Claim the task, run its handler with the stored steps, write the outcome. Returns the task as it is then.

    Neither its timeout nor its deadline ends it: who stops a program to look at it has all the time there is. Whoever
    interrupts it gives the task back.

    Args:
        retry: a dead letter, or a cancelled task, is retried.
        watch: is called with the error by which the handler has ended, before the outcome is written.

    Raises:
        Conflict: it is in no state in which it can run.
    """
    resources = Resources()
    await resources.open()
    async with database.write("system") as session:
        claimed = await _claim(session, task_id, retry)
    executors = Executors()
    outcome: Outcome | None = None
    context = Context(
        claimed, database=database, settings=settings, actor=ACTOR, executors=executors, resources=resources
    )
    try:
        outcome = await execute(claimed, context, hurried=False, watch=watch)
    except (asyncio.CancelledError, KeyboardInterrupt):
        outcome = Outcome(claimed.id, claimed.attempt, TaskState.QUEUED, reason=GIVEN_BACK)
        raise
    finally:
        executors.close()
        await resources.close()
        if outcome is not None:
            async with database.write(ACTOR) as session:
                await claims.finish_tasks(session, [outcome])
    async with database.read() as reading:
        return await reading.get_one(Task, task_id)


async def _claim(session: WriteSession, task_id: UUID, retry: bool) -> Claimed:
    """In one transaction with what makes it ready, so that no worker comes in between."""
    by = Principal(uuid7(), "", "", "admin")
    task = await moves.lock_task(session, task_id)
    if task is None:
        raise TaskNotFound
    state = TaskState(task.state)
    if retry and TASK_MACHINE.allows(TaskVerb.RETRY, state):
        await service.act(session, by, task_id, TaskVerb.RETRY)
    elif TASK_MACHINE.allows(TaskVerb.PROMOTE, state):
        await moves.move_tasks(session, TaskVerb.PROMOTE, Task.id == task_id)
    claimed = await claim_one(session, task_id, worker=by.id, lease=LEASE)
    if claimed is None:
        why = f" ({task.reason})" if task.reason else ""
        advice = " Add --retry to retry it." if TASK_MACHINE.allows(TaskVerb.RETRY, state) else ""
        raise Conflict(f"The task cannot be run while it is {state.value.replace('_', ' ')}{why}.{advice}")
    return claimed
