"""Of the runs of tasks their state, which keeps tasks from becoming ready: looked at, and kept while a task moves.

Lock order as tasks/queue/moves.py says.
"""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import WriteSession

# Of a run the queue knows its row's state, and that one that was deleted takes nothing more, like a cancelled one.
_IN_CANCELLED_RUN = text(
    "SELECT EXISTS (SELECT FROM tasks t JOIN runs r ON r.id = t.run_id"
    " WHERE t.id = :id AND (r.state = 'cancelled' OR r.deleted_at IS NOT NULL))"
)


async def in_cancelled_run(session: AsyncSession, task_id: UUID) -> bool:
    return bool((await session.execute(_IN_CANCELLED_RUN, {"id": task_id})).scalar_one())


class RunStates(NamedTuple):
    """Which of some tasks belong to a run that is cancelled (or deleted), or paused."""

    cancelled: list[UUID]
    paused: list[UUID]


_RUN_STATES = text(
    """
    WITH held AS (
      SELECT id, CASE WHEN deleted_at IS NULL THEN state ELSE 'cancelled' END AS state FROM runs
      WHERE id IN (SELECT run_id FROM tasks WHERE id = ANY(CAST(:ids AS uuid[]))) ORDER BY id FOR SHARE)
    SELECT t.id, held.state FROM tasks t JOIN held ON held.id = t.run_id
    WHERE t.id = ANY(CAST(:ids AS uuid[])) AND held.state IN ('cancelled', 'paused')
    """
)
_RUN_STATES_AT_ONCE = text(_RUN_STATES.text.replace("FOR SHARE", "FOR SHARE SKIP LOCKED"))


async def lock_runs_of(session: WriteSession, ids: list[UUID], *, skip_locked: bool = False) -> RunStates:
    """Keep the runs of these tasks as they are until the transaction ends, before any of the tasks is locked."""
    found: dict[str, list[UUID]] = {"cancelled": [], "paused": []}
    for task_id, state in await session.execute(_RUN_STATES_AT_ONCE if skip_locked else _RUN_STATES, {"ids": ids}):
        found[state].append(task_id)
    return RunStates(found["cancelled"], found["paused"])
