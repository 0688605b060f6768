"""Retention: finished tasks and what belongs to them are deleted after a time, a few at once.

The steps, approvals and links of a task go with it (ON DELETE CASCADE). The counts stay right: the trigger logs the
deletion and the rollup folds it. An event may go only when it is folded and every follower of the log has read it, or
it would never be counted.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import text

from holdgate.core.db import WriteSession
from holdgate.tasks.states import FINISHED

# created_at for tasks_created_idx: a task is not finished before it is made.
_TASKS = text(
    """
    SELECT id FROM tasks
    WHERE state = ANY(CAST(:finished AS text[]))
      AND created_at < coalesce(CAST(:now AS timestamptz), now()) - CAST(:retention AS interval)
      AND finished_at < coalesce(CAST(:now AS timestamptz), now()) - CAST(:retention AS interval)
    LIMIT :limit FOR UPDATE SKIP LOCKED
    """
)
_DELETE = text("DELETE FROM tasks WHERE id = ANY(CAST(:ids AS uuid[]))")
# The rows go with their task (ON DELETE CASCADE); the files are removed once that has committed.
_FILES = text("DELETE FROM artifacts WHERE task_id = ANY(CAST(:ids AS uuid[])) RETURNING key")
# Up to where the log is read: by the rollup, and by the one of its followers that is furthest behind.
_EVENTS = text(
    """
    DELETE FROM task_log WHERE task_id = ANY(CAST(:ids AS uuid[]))
      AND xid < (SELECT upto FROM rollup) AND xid < (SELECT upto FROM log_followers ORDER BY upto LIMIT 1)
    """
)
# The line "delete" stays as long again, and whatever was not read when its task went.
_TRACES = text(
    """
    DELETE FROM task_log
    WHERE xid < (SELECT upto FROM rollup) AND xid < (SELECT upto FROM log_followers ORDER BY upto LIMIT 1)
      AND task_id IN (
        SELECT task_id FROM task_log
        WHERE to_state IS NULL AND xid < (SELECT upto FROM rollup)
          AND at < coalesce(CAST(:now AS timestamptz), now()) - CAST(:retention AS interval)
        ORDER BY at LIMIT :limit)
    """
)
_EMPTY_COUNTS = text("DELETE FROM task_counts WHERE n = 0")


class Pruned(NamedTuple):
    """How many tasks went, and the keys of their files, to be removed after the commit."""

    tasks: int
    files: list[str]


async def prune_tasks(
    session: WriteSession, retention: timedelta, *, limit: int = 500, now: datetime | None = None
) -> Pruned:
    """Delete at most `limit` tasks that finished longer ago than `retention`, with their events."""
    values = {"retention": retention, "limit": limit, "now": now}
    found = await session.execute(_TASKS, {**values, "finished": [state.value for state in FINISHED]})
    ids = list(found.scalars())
    files: list[str] = []
    if ids:
        files = list((await session.execute(_FILES, {"ids": ids})).scalars())
        await session.execute(_DELETE, {"ids": ids})
        await session.execute(_EVENTS, {"ids": ids})
    else:
        await session.execute(_TRACES, values)
        await session.execute(_EMPTY_COUNTS)
    return Pruned(len(ids), files)
