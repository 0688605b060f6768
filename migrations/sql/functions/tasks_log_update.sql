CREATE OR REPLACE FUNCTION tasks_log_update() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
DECLARE
  actor text := holdgate_actor();
  -- Set where one edge belongs to several verbs and the unusual one is meant.
  meant text := nullif(current_setting('holdgate.verb', true), '');
BEGIN
  INSERT INTO task_events (task_id, run_id, owner_id, queue, kind, verb, from_state, to_state, actor, attempt, reason, data,
                           fingerprint)
  SELECT n.id, n.run_id, n.owner_id, n.queue, n.kind,
         CASE WHEN n.state <> o.state THEN coalesce(t.verb, holdgate_refuse(o.state, n.state))
              WHEN n.resolved_at IS NOT NULL AND o.resolved_at IS NULL THEN 'resolve'
              WHEN n.resolved_at IS NULL AND o.resolved_at IS NOT NULL THEN 'reopen'
              ELSE 'prioritise' END,
         CASE WHEN o.resolved_at IS NULL THEN o.state ELSE 'resolved' END,
         CASE WHEN n.resolved_at IS NULL THEN n.state ELSE 'resolved' END,
         actor, n.attempt,
         CASE WHEN n.state <> o.state THEN n.reason
              WHEN n.resolved_at IS NOT NULL THEN n.resolution
              ELSE nullif(current_setting('holdgate.reason', true), '') END,
         CASE WHEN n.state = o.state AND n.priority <> o.priority
                THEN jsonb_build_object('from', o.priority, 'to', n.priority)
              WHEN n.state <> o.state AND n.state IN ('retrying', 'dead_letter') THEN n.error
              -- Payloads are large, and compared only where one can be another.
              WHEN o.state IN ('dead_letter', 'cancelled') AND n.state = 'queued' THEN
                CASE WHEN n.payload <> o.payload THEN jsonb_build_object('payload',
                  coalesce(nullif(current_setting('holdgate.changes', true), '')::jsonb, '[]'::jsonb)) END END,
         CASE WHEN n.state <> o.state AND n.state IN ('retrying', 'dead_letter') THEN n.fingerprint END
  FROM new_rows n
  JOIN old_rows o USING (id)
  LEFT JOIN task_transitions t
    ON t.from_state = o.state AND t.to_state = n.state AND CASE WHEN meant IS NULL THEN t.usual ELSE t.verb = meant END
  WHERE n.state <> o.state OR n.priority <> o.priority OR (n.resolved_at IS NULL) <> (o.resolved_at IS NULL);
  RETURN NULL;
END $$;
