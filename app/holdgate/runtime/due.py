"""One look at what the sweeper has to do, instead of a transaction for each thing that mostly has nothing to do."""

from datetime import timedelta

from sqlalchemy import text

from holdgate.core.db import Database
from holdgate.runtime.workers import NAME

# Each part reads an index and stops at the first row. An event that is not final yet counts as well: its transaction
# may end before the chore begins.
_DUE = text(
    """
    SELECT name FROM (VALUES
      ('frozen', EXISTS (  -- as workers.end_frozen
        SELECT FROM pg_stat_activity
        WHERE application_name = :name AND datname = current_database() AND usename = current_user
          AND state = 'active' AND wait_event = 'ClientRead' AND state_change < now() - CAST(:frozen AS interval))),
      ('promote', EXISTS (SELECT FROM tasks WHERE state IN ('scheduled', 'retrying') AND run_at <= now())),
      ('recover', EXISTS (SELECT FROM tasks WHERE state = 'running' AND lease_expires_at < now())),
      ('overdue', EXISTS (SELECT FROM tasks WHERE deadline_at <= now() AND finished_at IS NULL AND state <> 'running')),
      ('schedules', EXISTS (
        SELECT FROM schedules s JOIN users u ON u.id = s.owner_id
        WHERE (s.paused_at IS NULL
               AND (u.disabled_at IS NOT NULL OR s.next_at <= now() AND (s.retry_at IS NULL OR s.retry_at <= now())))
           OR (s.paused_by = :paused_by AND u.disabled_at IS NULL))),
      ('limits', EXISTS (SELECT FROM kind_limits WHERE settled_at IS NULL)),
      ('expire', EXISTS (SELECT FROM approvals WHERE state = 'pending' AND expires_at <= now())),
      ('remind', EXISTS (SELECT FROM approvals WHERE state = 'pending' AND remind_at <= now())),
      ('runs', EXISTS (SELECT FROM runs WHERE settled_at IS NULL)),
      ('bulk', EXISTS (SELECT FROM bulk_actions WHERE state IN ('running', 'waiting') AND due_at <= now())),
      ('counts', (SELECT upto FROM rollup) <= (SELECT xid FROM task_events ORDER BY xid DESC LIMIT 1)),
      ('followers', EXISTS (
        SELECT FROM log_followers WHERE upto <= (SELECT xid FROM task_events ORDER BY xid DESC LIMIT 1)
                                     OR upto <= (SELECT xid FROM run_events ORDER BY xid DESC LIMIT 1)))
    ) AS look (name, due) WHERE due
    """
)


async def due(database: Database, *, paused_by: str, frozen: timedelta) -> frozenset[str]:
    """The names of what is due now.

    Args:
        paused_by: what is noted at schedules that are paused because their owner is disabled.
        frozen: how long a worker may leave a statement half said.
    """
    async with database.autocommit() as connection:
        return frozenset(
            (await connection.execute(_DUE, {"name": NAME, "paused_by": paused_by, "frozen": frozen})).scalars()
        )
