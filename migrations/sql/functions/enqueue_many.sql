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
  as_role constant boolean := told = '' OR NOT pg_has_role(session_user, current_user, 'MEMBER');
  problem text;
  ready text;
  ids uuid[] := '{}';
  kinds text[];
  payloads jsonb[];
  queues text[];
  priorities int[];
  attempts int[];
  titles text[];
  runs_ uuid[];
  owners text[];
  owner_ids uuid[];
  subjects text[];
  run_ats timestamptz[];
  deadlines timestamptz[];
  keys text[];
  key_lasts double precision[];
  states text[];
  found_ uuid[];
  item jsonb;
BEGIN
  IF version IS DISTINCT FROM 1 THEN
    RAISE EXCEPTION 'This database knows version 1 of enqueue_many, not version %. Upgrade it, or the caller.', version
      USING ERRCODE = 'feature_not_supported';
  ELSIF tasks IS NULL OR jsonb_typeof(tasks) <> 'array' OR jsonb_array_length(tasks) > 10000 THEN
    RAISE EXCEPTION 'enqueue_many takes an array of at most 10,000 tasks.' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  -- One task without run, owner and key: expressions alone, for each statement would cost more than they do.
  IF jsonb_array_length(tasks) = 1 AND holdgate_task_plain(tasks -> 0) THEN
    item := tasks -> 0;
    IF as_role THEN
      ready := set_config('holdgate.actor', 'role:' || session_user, true);
    END IF;
    id := holdgate_insert_one(holdgate_uuid7(), item ->> 'kind', item -> 'payload', coalesce(item ->> 'queue', 'default'),
                              coalesce((item -> 'priority')::int, 50), coalesce((item -> 'max_attempts')::int, 3),
                              coalesce(item ->> 'title', ''), NULL, NULL, NULL, NULL, NULL, NULL, now());
    ready := set_config('holdgate.actor', told, true);
    created := pg_notify(current_schema(), 'queue:' || coalesce(item ->> 'queue', 'default')) IS NOT NULL;
    RETURN NEXT;
    RETURN;
  END IF;
  FOR n IN 0 .. jsonb_array_length(tasks) - 1 LOOP
    problem := holdgate_task_problem(tasks -> n);
    IF problem IS NOT NULL THEN
      RAISE EXCEPTION 'tasks[%].%', n, problem USING ERRCODE = 'invalid_parameter_value';
    END IF;
    ids := ids || holdgate_uuid7();
  END LOOP;
  IF cardinality(ids) = 0 THEN
    RETURN;
  ELSIF cardinality(ids) > 1 THEN
    ids := ARRAY(SELECT id FROM unnest(ids) AS t(id) ORDER BY 1);
  END IF;
  SELECT array_agg(t.kind), array_agg(coalesce(t.payload, '{}')), array_agg(coalesce(t.queue, 'default')),
         array_agg(coalesce(t.priority, 50)), array_agg(coalesce(t.max_attempts, 3)), array_agg(coalesce(t.title, '')),
         array_agg(t.run), array_agg(t.owner), array_agg(NULL::uuid), array_agg(t.subject), array_agg(t.run_at),
         array_agg(t.deadline), array_agg(t."unique"), array_agg(t.unique_for), array_agg(NULL::text)
  INTO kinds, payloads, queues, priorities, attempts, titles, runs_, owners, owner_ids, subjects, run_ats, deadlines, keys,
       key_lasts, states
  FROM jsonb_to_recordset(tasks)
       AS t(kind text, payload jsonb, title text, queue text, priority integer, max_attempts integer, run uuid, owner text,
            subject text, run_at timestamptz, deadline timestamptz, "unique" text, unique_for double precision);

  IF array_remove(runs_, NULL) <> '{}' OR array_remove(owners, NULL) <> '{}' THEN
    -- As everywhere, runs are locked before anything that is theirs. A run's tasks belong to whom it belongs to.
    PERFORM FROM runs WHERE id = ANY (runs_) ORDER BY id FOR SHARE;
    SELECT array_agg(t.owner_id ORDER BY n), array_agg(CASE WHEN t.state = 'paused' THEN t.state END ORDER BY n),
           (array_agg(format('tasks[%s].', n - 1) || CASE
              WHEN t.run IS NULL THEN 'owner: No such user.'
              WHEN t.state IS NULL THEN 'run: There is no such run.'
              ELSE 'run: It is cancelled, so it takes no more tasks.' END ORDER BY n)
            FILTER (WHERE t.state = 'cancelled' OR t.owner_id IS NULL AND (t.run IS NOT NULL OR t.owner IS NOT NULL)))[1]
    INTO owner_ids, states, problem
    FROM (SELECT w.n, w.run, w.owner, r.state, CASE
                   WHEN w.run IS NOT NULL THEN r.owner_id
                   WHEN w.owner LIKE '%@%' THEN (SELECT u.id FROM users u WHERE lower(u.email) = lower(w.owner))
                   ELSE (SELECT u.id FROM users u WHERE u.id = w.owner::uuid) END AS owner_id
          FROM unnest(runs_, owners) WITH ORDINALITY AS w(run, owner, n) LEFT JOIN runs r ON r.id = w.run) AS t;
    IF problem IS NOT NULL THEN
      RAISE EXCEPTION '%', problem USING ERRCODE = 'invalid_parameter_value';
    END IF;
  END IF;

  IF as_role THEN
    PERFORM set_config('holdgate.actor', 'role:' || session_user, true);
  END IF;
  IF array_remove(keys, NULL) = '{}' THEN
    PERFORM holdgate_insert(ids, kinds, payloads, queues, priorities, attempts, titles, runs_, owner_ids, subjects, run_ats,
                            deadlines, states, now());
    found_ := ids;
  ELSE
    -- Whoever comes second waits here for whoever came first, and finds that one's task once it has committed. In the
    -- order of the keys, so that two batches do not wait for each other.
    INSERT INTO task_keys AS k (kind, owner_id, key, task_id, expires_at)
    SELECT DISTINCT ON (1, 2, 3) t.kind, coalesce(t.owner_id, nobody), t.key, t.id, now() + make_interval(secs => t.lasts)
    FROM unnest(ids, kinds, owner_ids, keys, key_lasts) WITH ORDINALITY AS t(id, kind, owner_id, key, lasts, n)
    WHERE t.key IS NOT NULL ORDER BY 1, 2, 3, t.n
    ON CONFLICT (kind, owner_id, key) DO UPDATE SET task_id = excluded.task_id, expires_at = excluded.expires_at
    WHERE k.expires_at <= now();
    found_ := ARRAY(SELECT coalesce(k.task_id, t.id)
                    FROM unnest(ids, kinds, owner_ids, keys) WITH ORDINALITY AS t(id, kind, owner_id, key, n)
                         LEFT JOIN task_keys k ON k.kind = t.kind AND k.owner_id = coalesce(t.owner_id, nobody) AND k.key = t.key
                    ORDER BY t.n);
    PERFORM holdgate_insert(array_agg(t.id), array_agg(t.kind), array_agg(t.payload), array_agg(t.queue), array_agg(t.priority),
                            array_agg(t.attempts), array_agg(t.title), array_agg(t.run), array_agg(t.owner_id),
                            array_agg(t.subject), array_agg(t.run_at), array_agg(t.deadline), array_agg(t.state), now())
    FROM unnest(ids, kinds, payloads, queues, priorities, attempts, titles, runs_, owner_ids, subjects, run_ats, deadlines, states, found_)
         AS t(id, kind, payload, queue, priority, attempts, title, run, owner_id, subject, run_at, deadline, state, found)
    WHERE t.id = t.found HAVING count(*) > 0;
  END IF;
  PERFORM set_config('holdgate.actor', told, true);
  IF cardinality(ids) = 1 AND run_ats[1] IS NULL AND states[1] IS NULL AND found_ = ids THEN
    ready := 'queue:' || queues[1];
  ELSE
    SELECT string_agg(DISTINCT 'queue:' || t.queue, ' ') INTO ready
    FROM unnest(ids, found_, queues, run_ats, states) AS t(id, found, queue, run_at, state)
    WHERE t.id = t.found AND t.state IS NULL AND (t.run_at > now()) IS NOT TRUE;
  END IF;
  IF ready IS NOT NULL THEN
    -- Workers hear it when this transaction commits. An empty one says: look at every queue.
    PERFORM pg_notify(current_schema(), CASE WHEN length(ready) < 7000 THEN ready ELSE '' END);
  END IF;
  RETURN QUERY SELECT t.found, t.found = t.id FROM unnest(found_, ids) AS t(found, id);
END $$;
