CREATE OR REPLACE FUNCTION tasks_log_delete() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
DECLARE
  actor_ int := holdgate_actor_id();
BEGIN
  INSERT INTO task_log (xid, at, task_id, lane, attempt, actor, from_state, verb)
  SELECT pg_current_xact_id(), now(), o.id, o.lane, o.attempt, actor_,
         CAST(CASE WHEN o.resolved_at IS NULL THEN o.state ELSE 'resolved' END AS task_state), 'delete'
  FROM old_rows o;
  RETURN NULL;
END $$;
