"""How full the queues were: a sample a minute of how many tasks are ready and how long the oldest has waited.

The log tells what left a queue, not what was in it. Of a longer span the fullest sample counts, so several workers that
sample the same minute change nothing. What is missing was not sampled: no worker ran.
"""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import WriteSession
from holdgate.stats.rollups import EPOCH, KEPT

# A queue that is empty is sampled, too: nothing queued is no gap. The totals are up to a second old, and a claim may
# be folded before what it claimed.
_SAMPLE = text(
    """
    INSERT INTO queue_depths AS d (span, minute, queue, depth, oldest)
    SELECT w.span, date_bin(make_interval(mins => w.span), q.at, CAST(:epoch AS timestamptz)), q.queue, q.depth,
           CASE WHEN q.depth > 0 THEN greatest(coalesce(extract(epoch FROM q.at - t.queued_at), 0), 0) ELSE 0 END
    FROM (SELECT coalesce(CAST(:now AS timestamptz), now()) AS at, queue,
                 greatest(coalesce(sum(n) FILTER (WHERE state = 'queued'), 0), 0) AS depth
          FROM task_totals GROUP BY queue) AS q
    LEFT JOIN LATERAL (SELECT queued_at FROM tasks WHERE state = 'queued' AND queue = q.queue
                       ORDER BY queued_at LIMIT 1) AS t ON true
    CROSS JOIN unnest(CAST(:spans AS integer[])) AS w(span)
    ON CONFLICT (span, minute, queue)
    DO UPDATE SET depth = greatest(d.depth, EXCLUDED.depth), oldest = greatest(d.oldest, EXCLUDED.oldest)
    """
)


async def sample(session: WriteSession, *, now: datetime | None = None) -> None:
    """One statement."""
    await session.execute(_SAMPLE, {"epoch": EPOCH, "spans": list(KEPT), "now": now})


class Depth(msgspec.Struct, frozen=True):
    """The most tasks that were ready in a span, and how many seconds the oldest of them had waited at most."""

    ready: int
    oldest: float


_DEPTHS = text(
    "SELECT minute, queue, depth, oldest FROM queue_depths WHERE span = :span AND minute >= :first ORDER BY queue"
)


async def depths_since(session: AsyncSession, span: int, first: datetime) -> dict[str, dict[datetime, Depth]]:
    """Queue → span → how full it was, by the name of the queue: everybody's tasks."""
    rows: Any = await session.execute(_DEPTHS, {"span": span, "first": first})
    found: dict[str, dict[datetime, Depth]] = {}
    for minute, queue, ready, oldest in rows:
        found.setdefault(queue, {})[minute] = Depth(ready, oldest)
    return found
