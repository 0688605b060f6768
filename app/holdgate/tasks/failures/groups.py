"""Dead letters by what they died of: how many of each, when, and one of them to look at."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import WriteSession
from holdgate.core.paging import MOST_COUNTED


class FailureGroup(msgspec.Struct, frozen=True, kw_only=True):
    """The open dead letters of one error, `n` of them from `first_at` to `last_at`. The sample is the last."""

    fingerprint: str
    kind: str
    error_type: str
    message: str
    n: int
    first_at: datetime | None
    last_at: datetime | None
    sample_id: UUID
    sample_title: str


# No history and no number of tasks matters: the counts are kept, and two looks at an index find the rest of a group.
_GROUPS = """
    WITH g AS (
      SELECT fingerprint, CAST(sum(n) AS bigint) AS n FROM error_counts c
      WHERE {mine_c} AND dead
      GROUP BY fingerprint HAVING sum(n) > 0
      ORDER BY sum(n) DESC, fingerprint LIMIT :limit)
    SELECT g.fingerprint, last.kind, coalesce(last.error ->> 'type', ''),
           coalesce(last.error ->> 'message', last.reason, ''), g.n, first.finished_at, last.finished_at, last.id,
           last.title
    FROM g
    CROSS JOIN LATERAL (
      SELECT t.finished_at FROM tasks t
      WHERE {mine_t} AND t.fingerprint = g.fingerprint AND t.state = 'dead_letter' AND t.resolved_at IS NULL
      ORDER BY t.finished_at, t.id LIMIT 1) AS first
    CROSS JOIN LATERAL (
      SELECT t.id, t.kind, t.title, t.error, t.reason, t.finished_at FROM tasks t
      WHERE {mine_t} AND t.fingerprint = g.fingerprint AND t.state = 'dead_letter' AND t.resolved_at IS NULL
      ORDER BY t.finished_at DESC, t.id DESC LIMIT 1) AS last
    ORDER BY g.n DESC, g.fingerprint
"""
_OF_ALL = text(_GROUPS.format(mine_c="true", mine_t="true"))
_OF_ONE = text(_GROUPS.format(mine_c="c.owner_id = :owner", mine_t="t.owner_id = :owner"))


async def list_groups(session: AsyncSession, scope: UUID | None, limit: int = 200) -> list[FailureGroup]:
    """The largest groups first. Those without a fingerprint yet are in none: the sweeper names them within seconds.

    Args:
        scope: whose; None is everybody's.
    """
    if scope is None:
        rows: Any = await session.execute(_OF_ALL, {"limit": limit})
    else:
        rows = await session.execute(_OF_ONE, {"limit": limit, "owner": scope})
    names = FailureGroup.__struct_fields__
    return [FailureGroup(**dict(zip(names, row, strict=True))) for row in rows]


_COUNT = """
    SELECT count(*) FROM (
      SELECT FROM error_counts c WHERE {mine} AND dead GROUP BY fingerprint HAVING sum(n) > 0 LIMIT :most) AS g
"""
_COUNT_ALL = text(_COUNT.format(mine="true"))
_COUNT_ONE = text(_COUNT.format(mine="c.owner_id = :owner"))


async def count_groups(session: AsyncSession, scope: UUID | None) -> int | None:
    """How many there are. None: too many to count."""
    most = {"most": MOST_COUNTED + 1}
    if scope is None:
        found = await session.execute(_COUNT_ALL, most)
    else:
        found = await session.execute(_COUNT_ONE, {**most, "owner": scope})
    n = int(found.scalar_one())
    return n if n <= MOST_COUNTED else None


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
