"""What an attempt remembers while it runs: finished steps, sleeps, progress. Fenced by the attempt, as claims.py.

Times are the database's; `now=` is for tests.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Text, cast, delete, exists, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import WriteSession
from holdgate.tasks.models import Task, TaskStep
from holdgate.tasks.states import TaskState

# Locked, not only looked at: or the task could be claimed again before this commits, by an attempt that does not see
# the step, does it again, and is then refused.
_STORE_STEP = text(
    """
    INSERT INTO task_steps (task_id, name, attempt, result)
    SELECT t.id, :name, t.attempt, CAST(:result AS json) FROM tasks t
    WHERE t.id = :task_id AND t.attempt = :attempt AND t.state = 'running'
    FOR SHARE OF t
    ON CONFLICT DO NOTHING
    RETURNING task_id
    """
)


async def store_step(session: WriteSession, task_id: UUID, attempt: int, name: str, result: str) -> bool:
    """Remember a finished step (`result` is JSON text). False when the task is no longer this attempt's."""
    stored = await session.execute(
        _STORE_STEP, {"task_id": task_id, "attempt": attempt, "name": name, "result": result}
    )
    return stored.first() is not None


_STEPS = text("SELECT name, CAST(result AS text) FROM task_steps WHERE task_id = :task_id")


async def stored_steps(session: AsyncSession, task_id: UUID) -> dict[str, str]:
    """Finished steps of a task: name → result as JSON text."""
    rows: Any = await session.execute(_STEPS, {"task_id": task_id})
    return {row[0]: row[1] for row in rows}


def steps_of(claimed: str) -> dict[str, str]:
    """The same of what a claim has brought."""
    found = msgspec.json.decode(claimed, type=dict[str, msgspec.Raw])
    return {name: bytes(result).decode() for name, result in found.items()}


# The time to wake up is a step: stored once, so that a task that runs again knows how much of its sleep is left. The
# lock is already that of the next statement: two sleeps of one handler at once would wait for each other.
_WAKE_AT = text(
    """
    INSERT INTO task_steps (task_id, name, attempt, result)
    SELECT t.id, :name, t.attempt, to_json(coalesce(CAST(:now AS timestamptz), now()) + CAST(:duration AS interval))
    FROM tasks t WHERE t.id = :task_id AND t.attempt = :attempt AND t.state = 'running'
    FOR NO KEY UPDATE OF t
    ON CONFLICT DO NOTHING
    """
)
_SNOOZE = text(
    """
    UPDATE tasks t
    SET state = 'scheduled', run_at = CAST(s.result #>> '{}' AS timestamptz), reason = 'Sleeps: ' || s.name,
        lease_losses = 0, lease_expires_at = NULL, worker_id = NULL
    FROM task_steps s
    WHERE s.task_id = t.id AND s.name = :name
      AND CAST(s.result #>> '{}' AS timestamptz) > coalesce(CAST(:now AS timestamptz), now())
      AND t.id = :task_id AND t.attempt = :attempt AND t.state = 'running'
    RETURNING t.id
    """
)
_AWAKE = text(
    """
    SELECT EXISTS (
      SELECT FROM task_steps s JOIN tasks t ON t.id = s.task_id
      WHERE s.task_id = :task_id AND s.name = :name AND t.attempt = :attempt AND t.state = 'running')
    """
)


async def snooze(
    session: WriteSession, task_id: UUID, attempt: int, name: str, duration: timedelta, *, now: datetime | None = None
) -> bool | None:
    """Let the task wait for `duration` from the first time it sleeps under this name.

    Returns True when that is over and it may go on, False when it sleeps now, None when it is not this attempt's.
    """
    one = {"task_id": task_id, "attempt": attempt, "name": name}
    await session.execute(_WAKE_AT, {**one, "duration": duration, "now": now})
    if (await session.execute(_SNOOZE, {**one, "now": now})).first() is not None:
        return False
    return True if (await session.execute(_AWAKE, one)).scalar_one() else None


async def still_runs(session: AsyncSession, task_id: UUID, attempt: int) -> bool:
    """Whether this attempt has the task in hand."""
    mine = (Task.id == task_id) & (Task.attempt == attempt) & (Task.state == TaskState.RUNNING)
    return bool(await session.scalar(select(exists().where(mine))))


async def step_of_attempt(session: AsyncSession, task_id: UUID, name: str, attempt: int) -> str | None:
    """The result (JSON text) of a step that this very attempt has stored."""
    found = await session.execute(
        select(cast(TaskStep.result, Text)).where(
            TaskStep.task_id == task_id, TaskStep.name == name, TaskStep.attempt == attempt
        )
    )
    return found.scalars().first()


async def write_progress(session: WriteSession, task_id: UUID, attempt: int, done: int, total: int, note: str) -> None:
    await session.execute(
        update(Task)
        .where(Task.id == task_id, Task.attempt == attempt, Task.state == TaskState.RUNNING)
        .values(progress={"done": done, "total": total, "note": note})
        .execution_options(synchronize_session=False)
    )


async def has_steps(session: AsyncSession, task_id: UUID) -> bool:
    return (
        await session.execute(select(TaskStep.name).where(TaskStep.task_id == task_id).limit(1))
    ).first() is not None


async def forget_steps(session: WriteSession, task_id: UUID) -> None:
    await session.execute(delete(TaskStep).where(TaskStep.task_id == task_id))
