"""Dead letters by what they died of: how many of each, when, and one of them to look at."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import WriteSession


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


# No history and no number of tasks matters: the counts are kept, and three looks at an index find the rest of a group.
_GROUPS = """
    WITH g AS (
      SELECT fingerprint, CAST(coalesce(sum(n) FILTER (WHERE dead), 0) AS bigint) AS n,
             CAST(coalesce(sum(n) FILTER (WHERE NOT dead), 0) AS bigint) AS retried
      FROM error_counts c
      WHERE {mine_c} AND (dead OR :retried)
      GROUP BY fingerprint HAVING sum(n) > 0
      ORDER BY sum(n) DESC, fingerprint LIMIT :limit)
    SELECT g.fingerprint, s.kind, coalesce(s.error ->> 'type', ''), coalesce(s.error ->> 'message', s.reason, ''),
           g.n, g.retried, f.finished_at AS first_at, s.finished_at AS last_at, s.id, s.title
    FROM g
    LEFT JOIN LATERAL (
      SELECT t.finished_at FROM tasks t WHERE {mine_t} AND t.fingerprint = g.fingerprint AND {dead}
      ORDER BY t.finished_at, t.id LIMIT 1) f ON true
    CROSS JOIN LATERAL (
      (SELECT {columns} FROM tasks t WHERE {mine_t} AND t.fingerprint = g.fingerprint AND {dead}
       ORDER BY t.finished_at DESC, t.id DESC LIMIT 1)
      UNION ALL
      (SELECT {columns} FROM tasks t WHERE {mine_t} AND t.fingerprint = g.fingerprint AND {retried}
       ORDER BY t.created_at DESC, t.id DESC LIMIT 1)
      LIMIT 1) s
    ORDER BY g.n + g.retried DESC, g.fingerprint
"""
_WHICH = {
    "columns": "t.id, t.kind, t.title, t.error, t.reason, t.finished_at",
    "dead": "t.state = 'dead_letter' AND t.resolved_at IS NULL",
    "retried": "t.state IN ('retrying', 'queued', 'running') AND t.resolved_at IS NULL",
}
_OF_ALL = text(_GROUPS.format(mine_c="true", mine_t="true", **_WHICH))
_OF_ONE = text(_GROUPS.format(mine_c="c.owner_id = :owner", mine_t="t.owner_id = :owner", **_WHICH))


async def list_groups(
    session: AsyncSession, scope: UUID | None, limit: int = 200, *, retried: bool = False
) -> list[Group]:
    """The largest groups first. Those without a fingerprint yet are in none: the sweeper names them within seconds.

    Args:
        scope: whose; None is everybody's.
        retried: also tasks that are not given up, whose last try failed. A try that succeeds, and a person who
            retries, take the error off.
    """
    values: dict[str, Any] = {"limit": limit, "retried": retried}
    if scope is None:
        rows = await session.execute(_OF_ALL, values)
    else:
        rows = await session.execute(_OF_ONE, {**values, "owner": scope})
    names = Group.__struct_fields__
    return [Group(**dict(zip(names, row, strict=True))) for row in rows]


# Rows are only added and taken away, so their places tell them apart; what others add meanwhile stays.
_ADD_UP = text(
    """
    WITH parts AS (
      SELECT array_agg(ctid) AS places FROM error_counts
      GROUP BY owner_id, fingerprint, dead HAVING count(*) > 1 OR sum(n) = 0),
    gone AS (
      DELETE FROM error_counts WHERE ctid IN (SELECT unnest(places) FROM parts)
      RETURNING owner_id, fingerprint, dead, n)
    INSERT INTO error_counts (owner_id, fingerprint, dead, n)
    SELECT owner_id, fingerprint, dead, sum(n) FROM gone GROUP BY 1, 2, 3 HAVING sum(n) <> 0
    """
)


async def add_up(session: WriteSession) -> None:
    """The sweeper's beat: one row for each owner's error again."""
    await session.execute(_ADD_UP)
