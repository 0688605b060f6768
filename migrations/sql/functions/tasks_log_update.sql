-- Every change of a state is one row of the log, of which `since` says when the task came into the state that it leaves.
-- Claims and successes, nearly all there is, are written without joining each row with what it was, and mostly without a
-- look at the log: a first claim ends a wait that began at queued_at, a success what began at claimed_at. The others are
-- joined, and not by a nested loop: planned for one row, it would compare 1,000 rows with 1,000.
CREATE OR REPLACE FUNCTION tasks_log_update() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_nestloop TO 'off'
AS $$
DECLARE
  xid_ xid8;
  actor_ int;
  -- Set where one edge belongs to several verbs and the unusual one is meant.
  meant text := nullif(current_setting('holdgate.verb', true), '');
BEGIN
  -- A claim that finds nothing takes no number of a transaction, and so writes nothing.
  IF NOT EXISTS (SELECT FROM new_rows) THEN
    RETURN NULL;
  END IF;
  xid_ := pg_current_xact_id();
  actor_ := holdgate_actor_id();
  IF NOT EXISTS (SELECT FROM new_rows WHERE state <> 'running') AND NOT EXISTS (SELECT FROM old_rows WHERE state <> 'queued') THEN
    INSERT INTO task_log (xid, at, since, task_id, lane, attempt, actor, from_state, to_state, verb)
    SELECT xid_, now(), CASE WHEN n.attempt = 1 THEN n.queued_at ELSE holdgate_since(n.id) END, n.id, n.lane, n.attempt,
           actor_, 'queued', 'running', 'claim'
    FROM new_rows n;
    RETURN NULL;
  END IF;
  IF NOT EXISTS (SELECT FROM new_rows WHERE state <> 'succeeded') AND NOT EXISTS (SELECT FROM old_rows WHERE state <> 'running') THEN
    INSERT INTO task_log (xid, at, since, task_id, lane, attempt, actor, from_state, to_state, verb)
    SELECT xid_, now(), coalesce(n.claimed_at, holdgate_since(n.id)), n.id, n.lane, n.attempt, actor_, 'running',
           'succeeded', 'succeed'
    FROM new_rows n;
    RETURN NULL;
  END IF;
  INSERT INTO task_log (xid, at, since, task_id, lane, attempt, actor, from_state, to_state, verb, reason, data, fingerprint)
  SELECT xid_, now(), CASE WHEN n.state <> o.state OR (n.resolved_at IS NULL) <> (o.resolved_at IS NULL) THEN holdgate_since(n.id) END,
         n.id, n.lane, n.attempt, actor_,
         CAST(CASE WHEN o.resolved_at IS NULL THEN o.state ELSE 'resolved' END AS task_state),
         CAST(CASE WHEN n.resolved_at IS NULL THEN n.state ELSE 'resolved' END AS task_state),
         CAST(CASE WHEN n.state <> o.state THEN coalesce(t.verb, holdgate_refuse(o.state, n.state))
                   WHEN n.resolved_at IS NOT NULL AND o.resolved_at IS NULL THEN 'resolve'
                   WHEN n.resolved_at IS NULL AND o.resolved_at IS NOT NULL THEN 'reopen'
                   ELSE 'prioritise' END AS task_verb),
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
