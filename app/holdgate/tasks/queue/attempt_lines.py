"""What handlers logged, for the page of their task: of each attempt its last lines, of a task its last attempts."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import WriteSession
from holdgate.tasks.models import AttemptLines

MOST_ATTEMPTS = 20  # of a task


class LoggedLines(NamedTuple):
    """`lines`: the last of `total`, each its time (ISO), its level and its text."""

    task_id: UUID
    attempt: int
    total: int
    lines: Sequence[tuple[str, str, str]]


# Not fenced: each attempt has a row of its own, and what a late one said is true of it. A task that is gone has no log.
_WRITE = text(
    """
    WITH given AS MATERIALIZED (
      SELECT g.* FROM unnest(CAST(:tasks AS uuid[]), CAST(:attempts AS integer[]), CAST(:totals AS bigint[]),
                             CAST(:lines AS text[])) AS g(task_id, attempt, total, lines)
      JOIN tasks t ON t.id = g.task_id),
    forgotten AS (
      DELETE FROM attempt_lines l USING given g WHERE l.task_id = g.task_id AND l.attempt <= g.attempt - :most)
    INSERT INTO attempt_lines (task_id, attempt, total, lines)
    SELECT task_id, attempt, total, CAST(lines AS jsonb) FROM given ORDER BY task_id, attempt
    ON CONFLICT (task_id, attempt) DO UPDATE SET total = EXCLUDED.total, lines = EXCLUDED.lines
    """
)


async def write_lines(session: WriteSession, written: Sequence[LoggedLines]) -> None:
    """In place of what is there of these attempts. One statement."""
    values = {
        "tasks": [each.task_id for each in written],
        "attempts": [each.attempt for each in written],
        "totals": [each.total for each in written],
        "lines": [msgspec.json.encode(each.lines).decode() for each in written],
    }
    await session.execute(_WRITE, {**values, "most": MOST_ATTEMPTS})


async def lines_of(session: AsyncSession, task_id: UUID) -> list[AttemptLines]:
    """The newest attempt first."""
    mine = select(AttemptLines).where(AttemptLines.task_id == task_id).order_by(AttemptLines.attempt.desc())
    return list((await session.execute(mine)).scalars())
