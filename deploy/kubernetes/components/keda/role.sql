-- For KEDA's connection, once, by the owner of the tables; then ALTER ROLE holdgate_scaler PASSWORD '…'. It reads what the
-- query of workers.yaml needs: no payload, no title, no address.
CREATE ROLE holdgate_scaler LOGIN CONNECTION LIMIT 5;
ALTER ROLE holdgate_scaler SET search_path = holdgate;
GRANT USAGE ON SCHEMA holdgate TO holdgate_scaler;
GRANT SELECT (state, queue, queued_at, run_at, lease_expires_at, deadline_at, finished_at) ON holdgate.tasks TO holdgate_scaler;
GRANT SELECT (name, paused_at) ON holdgate.queues TO holdgate_scaler;
GRANT SELECT (next_at, paused_at, retry_at) ON holdgate.schedules TO holdgate_scaler;
GRANT SELECT (state, expires_at, remind_at) ON holdgate.approvals TO holdgate_scaler;
GRANT SELECT (state, due_at) ON holdgate.bulk_actions TO holdgate_scaler;
GRANT SELECT (state, settled_at) ON holdgate.runs TO holdgate_scaler;
GRANT SELECT (xid) ON holdgate.task_events, holdgate.run_events TO holdgate_scaler;
GRANT SELECT (upto) ON holdgate.log_followers, holdgate.rollup TO holdgate_scaler;
