CREATE OR REPLACE FUNCTION tasks_log_delete() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  INSERT INTO task_events (task_id, run_id, owner_id, queue, kind, verb, from_state, to_state, actor, attempt)
  SELECT o.id, o.run_id, o.owner_id, o.queue, o.kind, 'delete',
         CASE WHEN o.resolved_at IS NULL THEN o.state ELSE 'resolved' END, NULL, holdgate_actor(), o.attempt
  FROM old_rows o;
  RETURN NULL;
END $$;
