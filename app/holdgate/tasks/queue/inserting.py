"""Putting tasks into their queues: one call of `holdgate_insert`, whatever the number."""

from datetime import datetime

from sqlalchemy import text

from holdgate.core.db import WriteSession
from holdgate.tasks.requests import TaskInsert

_INSERT = text(
    """
    SELECT holdgate_insert(
      CAST(:id AS uuid[]), CAST(:kind AS text[]), CAST(:payload AS jsonb[]), CAST(:queue AS text[]),
      CAST(:priority AS int[]), CAST(:max_attempts AS int[]), CAST(:title AS text[]), CAST(:run_id AS uuid[]),
      CAST(:owner_id AS uuid[]), CAST(:subject AS text[]), CAST(:run_at AS timestamptz[]),
      CAST(:deadline_at AS timestamptz[]), CAST(:paused AS bool[]), coalesce(CAST(:now AS timestamptz), now()))
    """
)


async def insert_tasks(
    session: WriteSession, tasks: list[TaskInsert], *, paused: bool = False, now: datetime | None = None
) -> None:
    """One statement; `paused` puts them into a paused run."""
    columns = {name: [getattr(task, name) for task in tasks] for name in TaskInsert.__struct_fields__}
    await session.execute(_INSERT, {**columns, "paused": [paused] * len(tasks), "now": now})
