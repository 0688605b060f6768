"""Retention of runs: a finished one of which no task is left goes after a time, with its events and times."""

from sqlalchemy import text

from holdgate.core.retention.pruning import Expiring

RUNS = Expiring(
    "runs",
    text(
        "SELECT l.id, l.finished_at AS at, to_jsonb(l) || jsonb_build_object('events', ("
        "   SELECT jsonb_agg(to_jsonb(e) - 'xid' ORDER BY e.id) FROM run_events e WHERE e.run_id = l.id)) AS line"
        " FROM runs l"
        " WHERE l.finished_at < now() - CAST(:kept AS interval)"
        "   AND NOT EXISTS (SELECT FROM tasks t WHERE t.run_id = l.id) ORDER BY l.finished_at LIMIT :limit"
    ),
    text(
        """
        WITH gone AS (
          DELETE FROM runs r WHERE r.id = ANY(CAST(:ids AS uuid[])) AND r.finished_at BETWEEN :first AND :last
            AND NOT EXISTS (SELECT FROM tasks t WHERE t.run_id = r.id)
          RETURNING r.id),
        times AS (DELETE FROM run_times WHERE run_id IN (SELECT id FROM gone))
        DELETE FROM run_minutes WHERE run_id IN (SELECT id FROM gone)
        """
    ),
)
