-- The contract with programs of every language (docs/enqueue.md): an array of tasks goes into the caller's transaction, and
-- their ids come back in its order; `created` is false where `unique` found one that is there.
--
-- It runs with its owner's rights, so that a role that may do nothing else here can enqueue. Hence the search_path ends with
-- pg_temp, which otherwise comes first, and the actor is the caller's role, unless the caller could write the tables anyway.
CREATE OR REPLACE FUNCTION enqueue_many(tasks jsonb, version integer DEFAULT 1) RETURNS TABLE(id uuid, created boolean) LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT
AS $$
#variable_conflict use_column
DECLARE
  nobody constant uuid := '00000000-0000-0000-0000-000000000000';
  told constant text := coalesce(current_setting('holdgate.actor', true), '');
  ids uuid[];
  rows jsonb;
  problem text;
  ready text;
BEGIN
  IF version IS DISTINCT FROM 1 THEN
    RAISE EXCEPTION 'This database knows version 1 of enqueue_many, not version %. Upgrade it, or the caller.', version
      USING ERRCODE = 'feature_not_supported';
  ELSIF tasks IS NULL OR jsonb_typeof(tasks) <> 'array' OR jsonb_array_length(tasks) > 10000 THEN
    RAISE EXCEPTION 'enqueue_many takes an array of at most 10,000 tasks.' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  SELECT format('tasks[%s].%s', n - 1, said) INTO problem
  FROM jsonb_array_elements(tasks) WITH ORDINALITY AS t(item, n), holdgate_task_problem(item) AS said
  WHERE said IS NOT NULL ORDER BY n LIMIT 1;
  IF problem IS NOT NULL THEN
    RAISE EXCEPTION '%', problem USING ERRCODE = 'invalid_parameter_value';
  END IF;

  -- As everywhere, runs are locked before anything that is theirs. A run's tasks belong to whom it belongs to.
  PERFORM FROM runs
  WHERE id IN (SELECT (item ->> 'run')::uuid FROM jsonb_array_elements(tasks) AS t(item)) ORDER BY id FOR SHARE;
  ids := ARRAY(SELECT holdgate_uuid7() FROM generate_series(1, jsonb_array_length(tasks)) ORDER BY 1);
  SELECT jsonb_agg(item || jsonb_build_object('n', n, 'id', ids[n::integer], 'owner', owner, 'run_state', run_state) ORDER BY n),
         (array_agg(format('tasks[%s].', n - 1) || CASE
            WHEN item ->> 'run' IS NULL THEN 'owner: There is no such person.'
            WHEN run_state IS NULL THEN 'run: There is no such run.'
            ELSE 'run: It is cancelled, so it takes no more tasks.' END ORDER BY n)
          FILTER (WHERE run_state = 'cancelled' OR owner IS NULL AND (item ? 'run' OR item ? 'owner')
                        AND coalesce(item ->> 'run', item ->> 'owner') IS NOT NULL))[1]
  INTO rows, problem
  FROM (
    SELECT item, n, r.state AS run_state, CASE
             WHEN item ->> 'run' IS NOT NULL THEN r.owner_id
             WHEN item ->> 'owner' LIKE '%@%' THEN (SELECT u.id FROM users u WHERE lower(u.email) = lower(item ->> 'owner'))
             ELSE (SELECT u.id FROM users u WHERE u.id = (item ->> 'owner')::uuid) END AS owner
    FROM jsonb_array_elements(tasks) WITH ORDINALITY AS t(item, n) LEFT JOIN runs r ON r.id = (item ->> 'run')::uuid
  ) AS known;
  IF problem IS NOT NULL THEN
    RAISE EXCEPTION '%', problem USING ERRCODE = 'invalid_parameter_value';
  END IF;

  -- Whoever comes second waits here for whoever came first, and finds that one's task once it has committed. In the order
  -- of the keys, so that two batches do not wait for each other.
  INSERT INTO task_keys AS k (kind, owner_id, key, task_id, expires_at)
  SELECT DISTINCT ON (1, 2, 3) kind, coalesce(owner, nobody), "unique", id, now() + make_interval(secs => unique_for)
  FROM jsonb_to_recordset(rows)
       AS w(n integer, id uuid, kind text, owner uuid, "unique" text, unique_for double precision)
  WHERE "unique" IS NOT NULL ORDER BY 1, 2, 3, n
  ON CONFLICT (kind, owner_id, key) DO UPDATE SET task_id = excluded.task_id, expires_at = excluded.expires_at
  WHERE k.expires_at <= now();

  IF told = '' OR NOT pg_has_role(session_user, current_user, 'MEMBER') THEN
    PERFORM set_config('holdgate.actor', 'role:' || session_user, true);
  END IF;
  WITH n AS (
    SELECT w.n, w.id, w.kind, coalesce(w.payload, '{}') AS payload, coalesce(w.title, '') AS title,
           coalesce(w.queue, 'default') AS queue, coalesce(w.priority, 50) AS priority,
           coalesce(w.max_attempts, 3) AS max_attempts, w.run, w.run_state, w.owner, w.subject, w.run_at, w.deadline,
           coalesce(w.run, w.owner, nobody) AS share, coalesce(l.kind, '') AS line
    FROM jsonb_to_recordset(rows)
         AS w(n integer, id uuid, kind text, payload jsonb, title text, queue text, priority integer,
              max_attempts integer, run uuid, run_state text, owner uuid, subject text, run_at timestamptz,
              deadline timestamptz, "unique" text)
         LEFT JOIN kind_limits l ON l.kind = w.kind AND l.limited
    WHERE w."unique" IS NULL OR EXISTS (SELECT FROM task_keys k WHERE k.task_id = w.id)),
  places AS MATERIALIZED (
    SELECT queue, priority, share, line, holdgate_place(queue, priority, share, now(), line) AS place
    FROM (SELECT DISTINCT queue, priority, share, line FROM n) AS shares),
  made AS (
    INSERT INTO tasks (id, kind, payload, queue, priority, max_attempts, title, run_id, owner_id, subject, run_at,
                       deadline_at, state, queued_at, position, limited)
    SELECT n.id, n.kind, n.payload, n.queue, n.priority, n.max_attempts, n.title, n.run, n.owner, n.subject, n.run_at,
           n.deadline,
           CASE WHEN n.run_state = 'paused' THEN 'paused' WHEN n.run_at > now() THEN 'scheduled' ELSE 'queued' END,
           now() + n.n * interval '1 microsecond',
           places.place + row_number() OVER (PARTITION BY n.queue, n.priority, n.share, n.line ORDER BY n.n),
           n.line <> ''
    FROM n JOIN places USING (queue, priority, share, line)
    RETURNING queue, state)
  SELECT string_agg(DISTINCT 'queue:' || queue, ' ') FILTER (WHERE state = 'queued') INTO ready FROM made;
  PERFORM set_config('holdgate.actor', told, true);
  IF ready IS NOT NULL THEN
    -- Workers hear it when this transaction commits. An empty one says: look at every queue.
    PERFORM pg_notify(current_schema(), CASE WHEN length(ready) < 7000 THEN ready ELSE '' END);
  END IF;

  RETURN QUERY
  SELECT coalesce(k.task_id, w.id), coalesce(k.task_id, w.id) = w.id
  FROM jsonb_to_recordset(rows) AS w(n integer, id uuid, kind text, owner uuid, "unique" text)
       LEFT JOIN task_keys k ON k.kind = w.kind AND k.owner_id = coalesce(w.owner, nobody) AND k.key = w."unique"
  ORDER BY w.n;
END $$;
