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
    columns = {name: _column(name, tasks) for name in TaskInsert.__struct_fields__}
    await session.execute(_INSERT, {**columns, "states": None if state is None else [state], "now": now})


# Of these the function takes one value for all; of the others a value that is missing is none.
_OFTEN_ONE = frozenset({"kind", "payload", "queue", "priority", "max_attempts", "title", "run_id", "owner_id"})


def _column(name: str, tasks: list[TaskInsert]) -> list[Any] | None:
    """The driver looks at each value, so what is the same for all tasks is given once, and not at all if it is none."""
    values = [getattr(task, name) for task in tasks]
    first = values[0]
    if first != values[-1] or values.count(first) != len(values):
        return values
    if first is None:
        return None
    return [first] if name in _OFTEN_ONE else values
