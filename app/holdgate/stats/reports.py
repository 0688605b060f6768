"""Every task of a run or a period with the time it spent waiting, working and with people, for reports.

Unlike pages this counts history, so only tasks of kind `report.generate` ask, in chunks. The times are read off the
event log, which has each change of state.
"""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


class Which(NamedTuple):
    """Tasks of a run, or created from `since` until before `until`; `owner` None is everybody's. Never `but` itself."""

    run: UUID | None
    since: datetime | None
    until: datetime | None
    owner: UUID | None
    but: UUID


class TaskLine(NamedTuple):
    """One task; the three times are in seconds."""

    id: UUID
    title: str
    kind: str
    queue: str
    state: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    attempts: int
    failures: int
    waited: float
    worked: float
    with_people: float
    reason: str | None


_WHICH = """
    (CAST(:run AS uuid) IS NULL OR t.run_id = :run) AND (CAST(:owner AS uuid) IS NULL OR t.owner_id = :owner)
    AND (CAST(:since AS timestamptz) IS NULL OR t.created_at >= :since AND t.created_at < :until) AND t.id <> :but
    AND t.id >= holdgate_first_id(coalesce(CAST(:since AS timestamptz), '1970-01-01'), -1)
    AND t.id < holdgate_first_id(coalesce(CAST(:until AS timestamptz), '9999-01-01'), 1)
"""
_COUNT = "SELECT count(*) FROM tasks t WHERE {which}"
# Ids are in the order of creation. What is not over counts up to now.
_LINES = """
    SELECT t.id, t.title, t.kind, t.queue, t.state, t.created_at, t.started_at, t.finished_at, t.attempt, t.failures,
           coalesce(s.waited, 0), coalesce(s.worked, 0), coalesce(s.people, 0), t.reason
    FROM tasks t CROSS JOIN LATERAL (
      SELECT CAST(sum(d) FILTER (WHERE state = 'queued') AS float8) AS waited,
             CAST(sum(d) FILTER (WHERE state = 'running') AS float8) AS worked,
             CAST(sum(d) FILTER (WHERE state IN ('pending_approval', 'needs_input', 'needs_auth')) AS float8) AS people
      FROM (SELECT e.to_state AS state,
                   extract(epoch FROM coalesce(lead(e.at) OVER (ORDER BY e.id), t.finished_at, now()) - e.at) AS d
            FROM task_events e WHERE e.task_id = t.id) AS stays) AS s
    WHERE t.id > :after AND {which}
    ORDER BY t.id LIMIT :limit
"""
_COUNT_OF, _LINES_OF = text(_COUNT.format(which=_WHICH)), text(_LINES.format(which=_WHICH))
_RUN = text("SELECT name FROM runs WHERE id = :run AND (CAST(:owner AS uuid) IS NULL OR owner_id = :owner)")


async def run_name(session: AsyncSession, run: UUID, owner: UUID | None) -> str | None:
    """None: no such run, or somebody else's."""
    return (await session.execute(_RUN, {"run": run, "owner": owner})).scalars().first()


async def count_lines(session: AsyncSession, which: Which) -> int:
    return int((await session.execute(_COUNT_OF, which._asdict())).scalar_one())


async def task_lines(session: AsyncSession, which: Which, after: UUID, limit: int) -> list[TaskLine]:
    """The next tasks behind the id `after`, by id."""
    rows: Any = await session.execute(_LINES_OF, {**which._asdict(), "after": after, "limit": limit})
    return [TaskLine(*row) for row in rows]


async def now(session: AsyncSession) -> datetime:
    """The database's time."""
    moment: datetime = (await session.execute(text("SELECT now()"))).scalar_one()
    return moment
