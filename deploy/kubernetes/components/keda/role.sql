-- For KEDA's connection, once, by the owner of the tables; then ALTER ROLE holdgate_scaler PASSWORD '…'. It reads what the
-- query of workers.yaml needs: no payload, no title, no address.
CREATE ROLE holdgate_scaler LOGIN CONNECTION LIMIT 5;
GRANT SELECT (state, queue, queued_at, run_at, lease_expires_at, deadline_at, finished_at) ON tasks TO holdgate_scaler;
GRANT SELECT (name, paused_at) ON queues TO holdgate_scaler;
GRANT SELECT (next_at, paused_at, retry_at) ON schedules TO holdgate_scaler;
GRANT SELECT (state, expires_at, remind_at) ON approvals TO holdgate_scaler;
GRANT SELECT (state, due_at) ON bulk_actions TO holdgate_scaler;
GRANT SELECT (state, settled_at) ON runs TO holdgate_scaler;
GRANT SELECT (xid) ON task_events, run_events TO holdgate_scaler;
GRANT SELECT (upto) ON log_followers, rollup TO holdgate_scaler;
