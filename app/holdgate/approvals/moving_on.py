"""How a task goes on, or ends, after its request was closed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from holdgate.approvals.models import Approval
from holdgate.core.db import WriteSession
from holdgate.core.errors import Conflict
from holdgate.tasks.models import Task
from holdgate.tasks.queue import moves as tasks
from holdgate.tasks.queue.moves import Moving
from holdgate.tasks.service import announce_ready
from holdgate.tasks.states import APPROVED_PRIORITY, RESUMED_PRIORITY, TaskState, TaskVerb


async def move_on(
    session: WriteSession, approval: Approval, verb: TaskVerb, reason: str | None, *, now: datetime | None
) -> None:
    """Let the task go on, or end it, after its question was closed."""
    moving = moving_of(approval, verb, reason, approval.take_back, now)
    async with tasks.unusual(session, moving):
        moved = (await session.execute(moving.statement)).all()
    await announce(session, moving, moved, now)


async def announce(session: WriteSession, moving: Moving, rows: Sequence[Any], now: datetime | None) -> None:
    """Tell workers of what a statement has moved. Raises Conflict: nothing."""
    moved = await tasks.followed(session, moving, rows, now=now)
    if not moved:
        raise Conflict("The task went on without this decision, so nothing was changed.")
    announce_ready(session, moved)


def moving_of(
    approval: Approval, verb: TaskVerb, reason: str | None, take_back: timedelta, now: datetime | None
) -> Moving:
    """Args:
    take_back: how long an approved task waits, so that the approval can be undone.
    """
    goes_on = (
        verb in (TaskVerb.APPROVE, TaskVerb.ANSWER, TaskVerb.REQUEST_CHANGES)
        or (verb is TaskVerb.REJECT and approval.continues_on_reject)
        or (verb is TaskVerb.EXPIRE and approval.continues_on_expire)
    )
    waits = take_back if verb is TaskVerb.APPROVE else None
    ended = {TaskVerb.REJECT: TaskState.REJECTED, TaskVerb.EXPIRE: TaskState.EXPIRED}
    return tasks.moving_of(
        verb,
        Task.id == approval.task_id,
        to=(TaskState.SCHEDULED if waits else TaskState.QUEUED) if goes_on else ended[verb],
        reason=reason,
        delay=waits,
        priority=(RESUMED_PRIORITY if verb is TaskVerb.ANSWER else APPROVED_PRIORITY) if goes_on else None,
        now=now,
    )
