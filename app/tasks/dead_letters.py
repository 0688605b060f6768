"""Dead letters by what they died of: how many of each, when, and one of them to look at."""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The open dead letters of one error."""

    fingerprint: str
    kind: str
    error_type: str
    message: str
    n: int
    first_at: datetime
    last_at: datetime
    sample_id: UUID
    sample_title: str


# tasks_fingerprint_idx alone answers the counting; only the samples, one a group, are looked up in the table.
_GROUPS = text(
    """
    WITH g AS (
      SELECT fingerprint, count(*) AS n, min(finished_at) AS first_at, max(finished_at) AS last_at
      FROM tasks
      WHERE fingerprint IS NOT NULL AND state = 'dead_letter' AND resolved_at IS NULL
        AND (CAST(:owner AS uuid) IS NULL OR owner_id = :owner)
      GROUP BY fingerprint
      ORDER BY n DESC, fingerprint LIMIT :limit)
    SELECT g.fingerprint, s.kind, coalesce(s.error ->> 'type', ''), coalesce(s.error ->> 'message', s.reason, ''),
           g.n, g.first_at, g.last_at, s.id, s.title
    FROM g CROSS JOIN LATERAL (
      SELECT t.id, t.kind, t.error, t.reason, t.title FROM tasks t
      WHERE t.fingerprint = g.fingerprint AND t.state = 'dead_letter' AND t.resolved_at IS NULL
        AND (CAST(:owner AS uuid) IS NULL OR t.owner_id = :owner)
      ORDER BY t.created_at DESC, t.id DESC LIMIT 1) s
    ORDER BY g.n DESC, g.fingerprint
    """
)


async def list_groups(session: AsyncSession, scope: UUID | None, limit: int = 200) -> list[Group]:
    """The largest groups first. Those without a fingerprint yet are in none: the sweeper names them within seconds."""
    rows = await session.execute(_GROUPS, {"owner": scope, "limit": limit})
    names = Group.__struct_fields__
    return [Group(**dict(zip(names, row, strict=True))) for row in rows]
