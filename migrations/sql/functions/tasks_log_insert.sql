CREATE OR REPLACE FUNCTION tasks_log_insert() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  INSERT INTO task_events (task_id, run_id, owner_id, queue, kind, verb, from_state, to_state, actor, attempt, reason)
  SELECT n.id, n.run_id, n.owner_id, n.queue, n.kind,
         CASE WHEN n.state IN ('queued', 'scheduled', 'paused') THEN 'enqueue'
              ELSE holdgate_refuse(NULL, n.state) END,
         NULL, n.state, holdgate_actor(), n.attempt, n.reason
  FROM new_rows n;
  RETURN NULL;
END $$;
