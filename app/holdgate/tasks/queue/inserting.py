"""Putting tasks into their queues: one call of `holdgate_insert`, whatever the number."""

from datetime import datetime
from typing import Any

from sqlalchemy import text

from holdgate.core.db import WriteSession
from holdgate.tasks.requests import TaskInsert
from holdgate.tasks.states import TaskState

_INSERT = text(
    """
    SELECT holdgate_insert(
      CAST(:id AS uuid[]), CAST(:kind AS text[]), CAST(:payload AS jsonb[]), CAST(:queue AS text[]),
      CAST(:priority AS int[]), CAST(:max_attempts AS int[]), CAST(:title AS text[]), CAST(:run_id AS uuid[]),
      CAST(:owner_id AS uuid[]), CAST(:subject AS text[]), CAST(:run_at AS timestamptz[]),
      CAST(:deadline_at AS timestamptz[]), CAST(:states AS text[]), coalesce(CAST(:now AS timestamptz), now()))
    """
)


async def insert_tasks(
    session: WriteSession, tasks: list[TaskInsert], *, state: TaskState | None = None, now: datetime | None = None
) -> None:
    """One statement. `state`: paused, in a paused run, or pending_approval; None: ready, or at their time."""
    columns = {name: _column([getattr(task, name) for task in tasks]) for name in TaskInsert.__struct_fields__}
    await session.execute(_INSERT, {**columns, "states": _column([state] * len(tasks)), "now": now})


def _column(values: list[Any]) -> list[Any] | None:
    """A column in which nothing stands is left out: unnest() fills it up, and the driver looks at each value."""
    return None if values.count(None) == len(values) else values
