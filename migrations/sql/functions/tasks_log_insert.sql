CREATE OR REPLACE FUNCTION tasks_log_insert() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
DECLARE
  actor_ int := holdgate_actor_id();
BEGIN
  INSERT INTO task_log (xid, at, task_id, lane, attempt, actor, to_state, verb, reason)
  SELECT pg_current_xact_id(), now(), n.id, n.lane, n.attempt, actor_, CAST(n.state AS task_state),
         CASE WHEN n.state IN ('queued', 'scheduled', 'paused', 'pending_approval') THEN 'enqueue'
              ELSE CAST(holdgate_refuse(NULL, n.state) AS task_verb) END,
         n.reason
  FROM new_rows n;
  RETURN NULL;
END $$;
