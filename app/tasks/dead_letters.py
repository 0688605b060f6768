"""Dead letters by what they died of: how many of each, when, and one of them to look at."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.tasks.states import TaskState


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The open dead letters of one error, `n` of them from `first_at` to `last_at`.

    `retried`: tasks whose last try failed with it and which are not given up; only where they were asked for.
    """

    fingerprint: str
    kind: str
    error_type: str
    message: str
    n: int
    retried: int
    first_at: datetime | None
    last_at: datetime | None
    sample_id: UUID
    sample_title: str


# tasks_open_errors_idx alone answers the counting; only the samples, one a group, are looked up in the table.
_GROUPS = text(
    """
    WITH g AS (
      SELECT fingerprint, count(*) FILTER (WHERE state = 'dead_letter') AS n,
             count(*) FILTER (WHERE state <> 'dead_letter') AS retried,
             min(finished_at) AS first_at, max(finished_at) AS last_at
      FROM tasks
      WHERE fingerprint IS NOT NULL AND state = ANY (CAST(:states AS text[])) AND resolved_at IS NULL
        AND (CAST(:owner AS uuid) IS NULL OR owner_id = :owner)
      GROUP BY fingerprint
      ORDER BY count(*) DESC, fingerprint LIMIT :limit)
    SELECT g.fingerprint, s.kind, coalesce(s.error ->> 'type', ''), coalesce(s.error ->> 'message', s.reason, ''),
           g.n, g.retried, g.first_at, g.last_at, s.id, s.title
    FROM g CROSS JOIN LATERAL (
      SELECT t.id, t.kind, t.error, t.reason, t.title FROM tasks t
      WHERE t.fingerprint = g.fingerprint AND t.state = ANY (CAST(:states AS text[])) AND t.resolved_at IS NULL
        AND (CAST(:owner AS uuid) IS NULL OR t.owner_id = :owner)
      ORDER BY t.created_at DESC, t.id DESC LIMIT 1) s
    ORDER BY g.n + g.retried DESC, g.fingerprint
    """
)
DEAD = (TaskState.DEAD_LETTER,)
# A try that succeeds, and a person who retries, take the error off; so one that is there is of the last try.
FAILING = (*DEAD, TaskState.RETRYING, TaskState.QUEUED, TaskState.RUNNING)


async def list_groups(
    session: AsyncSession, scope: UUID | None, limit: int = 200, states: Sequence[TaskState] = DEAD
) -> list[Group]:
    """The largest groups first. Those without a fingerprint yet are in none: the sweeper names them within seconds."""
    values = {"owner": scope, "limit": limit, "states": [state.value for state in states]}
    rows = await session.execute(_GROUPS, values)
    names = Group.__struct_fields__
    return [Group(**dict(zip(names, row, strict=True))) for row in rows]
