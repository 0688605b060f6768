"""Whether the folded counts, the tasks and the event log still agree, found out by counting everything again.

For `holdgate verify` only: pages never count history. Every statement lists what does not fit, and nothing else leaves
the database, so the size of the tables does not matter to this process. All of them must see one snapshot.
"""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# What is folded and what is beyond the watermark, held against the tasks themselves.
_COUNTS = text(
    """
    WITH told AS (
      SELECT owner_id, run_id, queue, kind, state, sum(n) AS n FROM (
        SELECT owner_id, run_id, queue, kind, state, n FROM task_counts
        UNION ALL
        SELECT e.owner_id, e.run_id, e.queue, e.kind, v.state, v.n
        FROM task_events e, LATERAL (VALUES (e.from_state, -1), (e.to_state, 1)) AS v(state, n)
        WHERE e.xid >= (SELECT upto FROM rollup) AND v.state IS NOT NULL) AS q
      GROUP BY 1, 2, 3, 4, 5 HAVING sum(n) <> 0),
    there AS (
      SELECT owner_id, run_id, queue, kind, CASE WHEN resolved_at IS NULL THEN state ELSE 'resolved' END AS state,
             count(*) AS n
      FROM tasks GROUP BY 1, 2, 3, 4, 5),
    both_sides AS (
      SELECT owner_id, run_id, queue, kind, state, n AS told, 0 AS there FROM told
      UNION ALL SELECT owner_id, run_id, queue, kind, state, 0, n FROM there)
    SELECT format('%s tasks are counted as %s, and %s are (queue %s, kind %s, run %s, owner %s)', sum(told), state,
                  sum(there), queue, kind, coalesce(CAST(run_id AS text), 'none'),
                  coalesce(CAST(owner_id AS text), 'none'))
    FROM both_sides GROUP BY owner_id, run_id, queue, kind, state HAVING sum(told) <> sum(there) LIMIT :limit
    """
)
_TOTALS = text(
    """
    SELECT format('the total of %s tasks is %s, and their counts add up to %s (queue %s, kind %s, owner %s)', state,
                  sum(total), sum(counted), queue, kind, coalesce(CAST(owner_id AS text), 'none'))
    FROM (SELECT owner_id, queue, kind, state, n AS total, 0 AS counted FROM task_totals
          UNION ALL SELECT owner_id, queue, kind, state, 0, n FROM task_counts) AS both_sides
    GROUP BY owner_id, queue, kind, state HAVING sum(total) <> sum(counted) LIMIT :limit
    """
)
_ERRORS = text(
    """
    SELECT format('%s tasks are counted with the error %s, and %s have it (%s, owner %s)', sum(told), fingerprint,
                  sum(there), CASE WHEN dead THEN 'dead letters' ELSE 'tried again' END,
                  coalesce(CAST(owner_id AS text), 'none'))
    FROM (SELECT owner_id, fingerprint, dead, n AS told, 0 AS there FROM error_counts
          UNION ALL
          SELECT owner_id, fingerprint, state = 'dead_letter', 0, 1 FROM tasks
          WHERE fingerprint IS NOT NULL AND resolved_at IS NULL
            AND state IN ('dead_letter', 'retrying', 'queued', 'running')) AS both_sides
    GROUP BY owner_id, fingerprint, dead HAVING sum(told) <> sum(there) LIMIT :limit
    """
)
_STATES = text(
    """
    SELECT format('task %s is %s, but the log ends with %s', t.id, t.standing, coalesce(e.to_state, 'nothing'))
    FROM (SELECT id, CASE WHEN resolved_at IS NULL THEN state ELSE 'resolved' END AS standing FROM tasks) t
    LEFT JOIN LATERAL (SELECT to_state FROM task_events WHERE task_id = t.id ORDER BY id DESC LIMIT 1) e ON true
    WHERE e.to_state IS DISTINCT FROM t.standing LIMIT :limit
    """
)
# Of a pruned task the log may have lost its beginning, never its end.
_CHAINS = text(
    """
    SELECT format('task %s: event %s leads from %s, but the one before led to %s', task_id, id,
                  coalesce(from_state, 'nothing'), coalesce(before, 'nothing'))
    FROM (SELECT e.task_id, e.id, e.from_state, lag(e.to_state) OVER (PARTITION BY e.task_id ORDER BY e.id) AS before
          FROM task_events e WHERE EXISTS (SELECT FROM tasks t WHERE t.id = e.task_id)) AS chain
    WHERE from_state IS DISTINCT FROM before LIMIT :limit
    """
)
_VANISHED = text(
    """
    SELECT format('task %s is gone, but the log ends with %s', task_id, to_state)
    FROM (SELECT DISTINCT ON (e.task_id) e.task_id, e.to_state FROM task_events e
          WHERE NOT EXISTS (SELECT FROM tasks t WHERE t.id = e.task_id) ORDER BY e.task_id, e.id DESC) AS last
    WHERE to_state IS NOT NULL LIMIT :limit
    """
)
CHECKS = {
    "The counts are those of the tasks": _COUNTS,
    "The totals are those of the counts": _TOTALS,
    "Errors are counted as tasks have them": _ERRORS,
    "Every task is where its log ends": _STATES,
    "Every log is a chain": _CHAINS,
    "No task is gone without a trace": _VANISHED,
}


async def problems(session: AsyncSession, check: str, limit: int) -> list[str]:
    """A sentence for everything that does not fit, at most `limit`. `check` is one of CHECKS."""
    rows: Any = await session.execute(CHECKS[check], {"limit": limit})
    return list(rows.scalars())
