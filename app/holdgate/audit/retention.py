"""Retention of the audit: lines of the logs that tell who did what are deleted after a time.

What belongs to a task, a request or a run goes with it; here are the logs that stand alone, and what people did to
tasks that are gone.
"""

from sqlalchemy import text

from holdgate.core.db import WriteSession
from holdgate.core.retention.pruning import Expiring, prune
from holdgate.core.upkeep import RETENTION, Round, Upkeep

LOGS = (
    Expiring(
        "audit_events",
        text(
            "SELECT l.id, l.at, to_jsonb(l) AS line FROM audit_events l"
            " WHERE l.at < now() - CAST(:kept AS interval) ORDER BY l.at LIMIT :limit"
        ),
        text("DELETE FROM audit_events WHERE id = ANY(CAST(:ids AS bigint[])) AND at BETWEEN :first AND :last"),
    ),
    Expiring(
        "queue_events",
        text(
            "SELECT l.id, l.at, to_jsonb(l) AS line FROM queue_events l"
            " WHERE l.at < now() - CAST(:kept AS interval) ORDER BY l.at LIMIT :limit"
        ),
        text("DELETE FROM queue_events WHERE id = ANY(CAST(:ids AS bigint[])) AND at BETWEEN :first AND :last"),
    ),
    Expiring(
        "kind_limit_events",
        text(
            "SELECT l.id, l.at, to_jsonb(l) AS line FROM kind_limit_events l"
            " WHERE l.at < now() - CAST(:kept AS interval) ORDER BY l.at LIMIT :limit"
        ),
        text("DELETE FROM kind_limit_events WHERE id = ANY(CAST(:ids AS bigint[])) AND at BETWEEN :first AND :last"),
    ),
    Expiring(
        "schedule_events",
        text(
            "SELECT l.id, l.at, to_jsonb(l) AS line FROM schedule_events l"
            " WHERE l.at < now() - CAST(:kept AS interval) ORDER BY l.at LIMIT :limit"
        ),
        text("DELETE FROM schedule_events WHERE id = ANY(CAST(:ids AS bigint[])) AND at BETWEEN :first AND :last"),
    ),
    Expiring(
        "bulk_actions",  # with bulk_events
        text(
            "SELECT l.id, l.finished_at AS at, to_jsonb(l) || jsonb_build_object('events', ("
            "   SELECT jsonb_agg(to_jsonb(e) ORDER BY e.id) FROM bulk_events e WHERE e.action_id = l.id)) AS line"
            " FROM bulk_actions l"
            " WHERE l.finished_at < now() - CAST(:kept AS interval) ORDER BY l.finished_at LIMIT :limit"
        ),
        text("DELETE FROM bulk_actions WHERE id = ANY(CAST(:ids AS uuid[])) AND finished_at BETWEEN :first AND :last"),
    ),
    # By the index of people's lines. What somebody who reads the log has still to read is not found, either: it could
    # not be deleted, and would be found again and again.
    Expiring(
        "task_log",
        text(
            "SELECT l.id, l.at, to_jsonb(l) - 'xid' AS line FROM task_events l"
            " WHERE l.actor_id < 0 AND l.at < now() - CAST(:kept AS interval)"
            "   AND l.xid < (SELECT upto FROM rollup)"
            "   AND l.xid < (SELECT upto FROM log_followers ORDER BY upto LIMIT 1)"
            "   AND NOT EXISTS (SELECT FROM tasks t WHERE t.id = l.task_id) ORDER BY l.at LIMIT :limit"
        ),
        text(
            "DELETE FROM task_log WHERE actor < 0 AND id = ANY(CAST(:ids AS bigint[])) AND at BETWEEN :first AND :last"
        ),
    ),
)


async def _prune(session: WriteSession, sweep: Round) -> bool:
    kept = sweep.settings.retention_audit
    return kept is not None and any([await prune(session, sweep, log, kept) for log in LOGS])


UPKEEP = (Upkeep("prune_audit", RETENTION, _prune),)
