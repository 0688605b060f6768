-- What the migrations make, in the schema `holdgate`. Generated (`make reference`); migrations/sql has the functions
-- and triggers with their comments.

CREATE SCHEMA holdgate;

CREATE TYPE holdgate.task_state AS ENUM (
    'queued',
    'scheduled',
    'running',
    'retrying',
    'pending_approval',
    'needs_input',
    'needs_auth',
    'paused',
    'succeeded',
    'dead_letter',
    'resolved',
    'rejected',
    'expired',
    'cancelled'
);

CREATE TYPE holdgate.task_verb AS ENUM (
    'enqueue',
    'claim',
    'succeed',
    'retry_later',
    'bury',
    'hold',
    'snooze',
    'requeue',
    'promote',
    'pause',
    'unpause',
    'approve',
    'answer',
    'take_back',
    'reject',
    'request_changes',
    'expire',
    'retry',
    'resume',
    'cancel',
    'prioritise',
    'delete',
    'resolve',
    'reopen'
);

CREATE FUNCTION holdgate.absences_audit() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
DECLARE
  absence record;
BEGIN
  IF TG_OP = 'DELETE' THEN absence := OLD; ELSE absence := NEW; END IF;
  -- What is forgotten long after its end is no news.
  IF TG_OP = 'DELETE' AND absence.ends_at < now() THEN RETURN NULL; END IF;
  INSERT INTO audit_events (actor, area, verb, subject, subject_id, data)
  SELECT holdgate_actor(), 'user', CASE TG_OP WHEN 'INSERT' THEN 'add_absence' ELSE 'remove_absence' END, u.email, u.id,
         jsonb_build_object('from', absence.starts_at, 'to', absence.ends_at, 'substitute', absence.substitute)
  FROM users u WHERE u.id = absence.user_id;
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.answer_notes_ask() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
BEGIN
  INSERT INTO answer_notes (kind, group_name, event, person)
  SELECT t.kind, coalesce(n.groups[1], ''), e.event, n.email
  FROM new_rows n
  JOIN approvals a ON a.id = n.approval_id
  JOIN tasks t ON t.id = a.task_id
  CROSS JOIN (VALUES ('requested'), ('undelivered')) AS e(event)
  WHERE e.event = 'requested' OR n.state = 'undelivered';
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.answer_notes_expire() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
BEGIN
  INSERT INTO answer_notes (kind, group_name, event, person)
  SELECT t.kind, coalesce(r.groups[1], ''), 'expired', r.email
  FROM approval_recipients r
  JOIN tasks t ON t.id = NEW.task_id
  WHERE r.approval_id = NEW.id AND r.state <> 'undelivered'
    AND NOT EXISTS (SELECT FROM approval_recipients n WHERE n.forwarded_from = r.id)
    AND NOT EXISTS (SELECT FROM approval_votes v WHERE v.approval_id = NEW.id AND v.person = r.person);
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.answer_notes_mail() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
BEGIN
  INSERT INTO answer_notes (kind, group_name, event, person)
  SELECT t.kind, coalesce(NEW.groups[1], ''), CASE NEW.state WHEN 'sent' THEN 'delivered' ELSE 'undelivered' END,
         NEW.email
  FROM approvals a JOIN tasks t ON t.id = a.task_id
  WHERE a.id = NEW.approval_id;
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.answer_notes_vote() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
BEGIN
  INSERT INTO answer_notes (at, kind, group_name, event, person, seconds)
  SELECT NEW.at, t.kind, coalesce(r.groups[1], ''), 'decided', NEW.person,
         greatest(extract(epoch FROM NEW.at - coalesce(r.sent_at, a.clock_started_at, a.created_at)), 0)
  FROM approvals a
  JOIN tasks t ON t.id = a.task_id
  LEFT JOIN LATERAL (
    SELECT * FROM approval_recipients p
    WHERE p.approval_id = a.id AND p.person = NEW.person
    LIMIT 1) AS r ON true
  WHERE a.id = NEW.approval_id;
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.api_tokens_audit() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
DECLARE token record;
BEGIN
  IF TG_OP = 'DELETE' THEN token := OLD; ELSE token := NEW; END IF;
  INSERT INTO audit_events (actor, area, verb, subject, subject_id, data)
  VALUES (holdgate_actor(), 'token', CASE WHEN TG_OP = 'INSERT' THEN 'make' WHEN TG_OP = 'DELETE' THEN 'revoke'
                                         WHEN token.trusted_by IS NULL THEN 'distrust' ELSE 'trust' END, token.name, token.id,
          jsonb_build_object('of', (SELECT email FROM users WHERE id = token.user_id), 'scopes', token.scopes));
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.applications_elsewhere() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
DECLARE
  told text := coalesce(nullif(NEW.tracker_status, ''), 'sent');
BEGIN
  IF NOT EXISTS (SELECT FROM applications a WHERE a.posting_id = NEW.id AND a.sent_at IS NOT NULL) THEN
    INSERT INTO applications (id, owner_id, posting_id, title, company, location, url, channel, status, status_at,
                              history, sent_at)
    VALUES (holdgate_uuid7(), NEW.owner_id, NEW.id, NEW.title, NEW.company, NEW.location, NEW.url, 'elsewhere', told,
            CASE told WHEN 'sent' THEN NEW.applied_at ELSE now() END,
            CASE told WHEN 'sent' THEN '[]'
                      ELSE jsonb_build_array(jsonb_build_object('status', 'sent', 'at', NEW.applied_at)) END,
            NEW.applied_at);
  ELSIF TG_OP = 'UPDATE' AND told <> 'sent' THEN
    UPDATE applications
    SET status = told, status_at = now(),
        history = history || jsonb_build_array(jsonb_build_object('status', status, 'at', status_at))
    WHERE posting_id = NEW.id AND sent_at IS NOT NULL AND status <> told AND NEW.tracker_status <> OLD.tracker_status
      AND (OLD.tracker_status <> '' OR status IN ('sent', 'no_answer'));
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.applications_resolved() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $_$
BEGIN
  IF EXISTS (SELECT FROM applications a WHERE a.task_id = NEW.id AND a.status = 'put_aside') THEN
    RETURN NULL;
  END IF;
  UPDATE applications
  SET status = 'sent', status_at = NEW.resolved_at, sent_at = NEW.resolved_at, channel = 'by_hand',
      history = history || jsonb_build_array(jsonb_build_object('status', status, 'at', status_at))
  WHERE task_id = NEW.id AND status = 'prepared';
  UPDATE postings SET applied_at = NEW.resolved_at, applied_task_id = NEW.id
  WHERE id = CASE WHEN NEW.payload ->> 'posting_id' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                  THEN CAST(NEW.payload ->> 'posting_id' AS uuid) END
    AND owner_id = NEW.owner_id AND applied_at IS NULL;
  RETURN NULL;
END $_$;

CREATE FUNCTION holdgate.approvals_ask(attempt_ integer, request_ json, people_ json, told_ jsonb, mails_ json, before_ uuid, replaces_ boolean, few_ integer, actor_ text, traceparent_ text, OUT outcome text, OUT mailed boolean) RETURNS record
    LANGUAGE plpgsql
    AS $$
DECLARE
  asked approvals := json_populate_record(NULL::approvals, request_);
  its record;
BEGIN
  IF actor_ IS NOT NULL THEN
    PERFORM set_config('holdgate.actor', actor_, true), set_config('holdgate.traceparent', coalesce(traceparent_, ''), true);
  END IF;
  mailed := false;
  SELECT t.attempt, t.state, t.run_id, t.priority INTO its FROM tasks t WHERE t.id = asked.task_id FOR NO KEY UPDATE;
  IF attempt_ IS NOT NULL AND (its.attempt = attempt_ AND its.state = 'running') IS NOT TRUE THEN
    outcome := 'lost';
    RETURN;
  END IF;
  IF before_ IS DISTINCT FROM (SELECT a.id FROM approvals a WHERE a.task_id = asked.task_id AND a.step = asked.step
                               ORDER BY a.round DESC, a.created_at DESC, a.id DESC LIMIT 1) THEN
    outcome := 'unknown';
    RETURN;
  END IF;

  IF attempt_ IS NOT NULL THEN
    -- Lost workers count in a row, and here one was not lost.
    UPDATE tasks SET state = asked.hold, reason = asked.title, worker_id = NULL, lease_expires_at = NULL, lease_losses = 0
    WHERE id = asked.task_id;
  END IF;
  IF replaces_ THEN
    UPDATE approvals SET withdrawn_at = now() WHERE id = before_ AND withdrawn_at IS NULL AND state <> 'pending';
  END IF;
  INSERT INTO approvals (id, task_id, owner_id, hold, step, round, title, shown, form, choices, version, needed, needed_by,
                         self_approval, level, asks_others, continues_on_reject, continues_on_expire, escalates_to, ttl,
                         clock, urgent, take_back, alike, asker, asker_id)
  VALUES (asked.id, asked.task_id, asked.owner_id, asked.hold, asked.step, asked.round, asked.title, asked.shown, asked.form,
          asked.choices, asked.version, asked.needed, asked.needed_by, asked.self_approval, asked.level, asked.asks_others,
          asked.continues_on_reject, asked.continues_on_expire, asked.escalates_to, asked.ttl, asked.clock, asked.urgent,
          asked.take_back, asked.alike, asked.asker, asked.asker_id);
  INSERT INTO approval_recipients (approval_id, id, email, state, problem, groups, substitute_for, escalated, turn, urgency, pace)
  SELECT asked.id, p.id, p.email, p.state, p.problem, p.groups, p.substitute_for, p.escalated, p.turn, its.priority, p.pace
  FROM json_populate_recordset(NULL::approval_recipients, people_) p;
  INSERT INTO approval_events (approval_id, verb, actor, data) VALUES (asked.id, 'ask', 'system', told_);

  -- Triggers have given those their turn who have room.
  PERFORM holdgate_insert(array_agg(m.id), array_agg(m.kind), array_agg(m.payload), array_agg(m.queue), array_agg(m.priority),
                          array_agg(m.max_attempts), array_agg(m.title), NULL, array_agg(m.owner_id), NULL, NULL, NULL, NULL, now())
  FROM approvals_tell_at_once(asked.id, its.run_id, few_) AS told
  JOIN json_to_recordset(mails_) AS m(recipient uuid, id uuid, kind text, payload jsonb, queue text, priority integer,
                                      max_attempts integer, title text, owner_id uuid) ON m.recipient = told.id
  HAVING count(*) > 0;
  mailed := FOUND;
  outcome := 'asked';
END $$;

CREATE FUNCTION holdgate.approvals_close_with_hold() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM old_rows WHERE state IN ('pending_approval', 'needs_input', 'needs_auth')) THEN
    RETURN NULL;
  END IF;
  UPDATE approvals a
  SET state = CASE WHEN n.state = 'expired' THEN 'expired' ELSE 'cancelled' END,
      decided_at = now(), decided_by = holdgate_actor(), reason = n.reason
  FROM new_rows n JOIN old_rows o USING (id)
  WHERE a.task_id = n.id AND a.state = 'pending' AND n.state <> o.state
    AND o.state IN ('pending_approval', 'needs_input', 'needs_auth');
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.approvals_give_turns(people text[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
DECLARE
  someone text;
  seen int := 0;
  room int;
  given int;
BEGIN
  FOR someone IN SELECT DISTINCT p FROM unnest(people) AS p ORDER BY p LOOP
    seen := seen + 1;
    IF seen > 50 OR NOT pg_try_advisory_xact_lock(1416982126, hashtext(someone)) THEN
      INSERT INTO approval_turns (person) VALUES (someone);
      CONTINUE;
    END IF;
    SELECT w.pace - (SELECT count(*) FROM approval_recipients o WHERE o.person = someone AND o.turn = 'open')
    INTO room
    FROM approval_recipients w
    WHERE w.person = someone AND w.turn = 'waiting'
    ORDER BY w.urgency DESC, w.asked_at, w.id
    LIMIT 1;
    CONTINUE WHEN NOT FOUND OR room <= 0;
    -- Materialised: a plan that looks for them once for each row would give more turns than there is room.
    WITH next AS MATERIALIZED (
      SELECT w.id FROM approval_recipients w
      WHERE w.person = someone AND w.turn = 'waiting'
      ORDER BY w.urgency DESC, w.asked_at, w.id
      LIMIT room
      FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE approval_recipients r SET turn = 'open', tell_at = now() + interval '2 seconds'
    FROM next WHERE r.id = next.id;
    GET DIAGNOSTICS given = ROW_COUNT;
    IF given < room AND EXISTS (SELECT FROM approval_recipients w WHERE w.person = someone AND w.turn = 'waiting') THEN
      -- Somebody is closing the others just now, or fails to.
      INSERT INTO approval_turns (person) VALUES (someone);
    END IF;
  END LOOP;
END $$;

CREATE FUNCTION holdgate.approvals_line_up() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
BEGIN
  UPDATE approval_recipients r SET turn = NULL, tell_at = NULL
  FROM new_rows n
  WHERE r.id = n.forwarded_from AND r.turn IS NOT NULL;
  PERFORM approvals_give_turns(ARRAY(
    SELECT n.person FROM new_rows n WHERE n.turn = 'waiting'
    UNION
    SELECT r.person FROM new_rows n JOIN approval_recipients r ON r.id = n.forwarded_from));
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.approvals_make_room() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
DECLARE
  people text[];
BEGIN
  IF NOT EXISTS (SELECT FROM new_rows n JOIN old_rows o USING (id) WHERE n.state <> o.state) THEN
    RETURN NULL;
  END IF;
  PERFORM approvals_wait_again(array_agg(r.id))
  FROM approval_recipients r JOIN new_rows n ON n.id = r.approval_id JOIN old_rows o ON o.id = n.id
  WHERE n.state = 'pending' AND o.state <> 'pending'
  HAVING count(*) > 0;
  WITH over AS (
    UPDATE approval_recipients r SET turn = NULL, tell_at = NULL
    FROM new_rows n JOIN old_rows o USING (id)
    WHERE r.approval_id = n.id AND o.state = 'pending' AND n.state <> 'pending' AND r.turn IS NOT NULL
    RETURNING r.person
  )
  SELECT array_agg(DISTINCT person) INTO people FROM over;
  PERFORM approvals_give_turns(people);
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.approvals_quorum() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
BEGIN
  IF (SELECT count(*) FROM approval_votes v WHERE v.approval_id = NEW.id AND v.verb = 'approve' AND v.version = NEW.version) < NEW.needed THEN
    RAISE EXCEPTION 'approval % needs % people', NEW.id, NEW.needed USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION holdgate.approvals_tell_at_once(approval_ uuid, run_ uuid, few_ integer) RETURNS TABLE(id uuid, email text)
    LANGUAGE sql
    AS $$
  UPDATE approval_recipients r SET told_at = now(), tell_at = NULL
  WHERE r.approval_id = approval_ AND r.turn = 'open' AND r.tell_at IS NOT NULL
    AND NOT EXISTS (SELECT FROM tasks t WHERE t.run_id = run_ OFFSET few_)
    AND (SELECT count(*) FROM approval_recipients o
         WHERE o.person = r.person AND o.told_at > now() - interval '1 minute') < few_
    AND NOT EXISTS (SELECT FROM approval_recipients o
                    WHERE o.person = r.person AND o.turn = 'open' AND o.tell_at IS NOT NULL AND o.id <> r.id)
    AND NOT EXISTS (SELECT FROM approval_digests d
                    WHERE d.person = r.person AND d.created_at > now() - interval '2 days'
                      AND d.used_at > now() - interval '5 minutes')
  RETURNING r.id, r.email
$$;

CREATE FUNCTION holdgate.approvals_vote_room() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    PERFORM approvals_wait_again(array_agg(r.id))
    FROM approval_recipients r JOIN approvals a ON a.id = r.approval_id
    WHERE a.state = 'pending' AND r.approval_id = OLD.approval_id AND r.person = OLD.person
    HAVING count(*) > 0;
    RETURN NULL;
  END IF;
  UPDATE approval_recipients r SET turn = NULL, tell_at = NULL
  WHERE r.approval_id = NEW.approval_id AND r.person = NEW.person AND r.turn IS NOT NULL;
  IF FOUND THEN
    PERFORM approvals_give_turns(ARRAY[NEW.person]);
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.approvals_wait_again(ids uuid[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
DECLARE
  people text[];
BEGIN
  WITH again AS (
    UPDATE approval_recipients r
    SET turn = 'waiting', urgency = CASE WHEN r.urgency < 2000 THEN r.urgency + 2000 ELSE r.urgency END
    WHERE r.id = ANY (ids) AND r.turn IS NULL AND r.pace > 0 AND r.state <> 'undelivered'
      AND NOT EXISTS (SELECT FROM approval_recipients f WHERE f.forwarded_from = r.id)
      AND NOT EXISTS (SELECT FROM approval_votes v WHERE v.approval_id = r.approval_id AND v.person = r.person)
    RETURNING r.person
  )
  SELECT array_agg(DISTINCT person) INTO people FROM again;
  PERFORM approvals_give_turns(people);
  UPDATE approval_recipients r SET tell_at = NULL
  WHERE r.id = ANY (ids) AND r.turn = 'open' AND r.told_at IS NOT NULL;
END $$;

CREATE FUNCTION holdgate.approvals_withdraw() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
BEGIN
  IF coalesce(current_setting('holdgate.erasing', true), '') <> 'on' THEN
    UPDATE approvals SET withdrawn_at = now() WHERE task_id = NEW.id AND withdrawn_at IS NULL;
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.bulk_actions_log() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
BEGIN
  IF NEW.state IS DISTINCT FROM (CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END) THEN
    INSERT INTO bulk_events (action_id, from_state, to_state, actor, reason)
    VALUES (NEW.id, CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END, NEW.state, holdgate_actor(), NEW.reason);
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.enqueue_many(tasks jsonb, version integer DEFAULT 1) RETURNS TABLE(id uuid, created boolean)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'holdgate', 'pg_temp'
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

CREATE FUNCTION holdgate.erasures_audit() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
BEGIN
  INSERT INTO audit_events (actor, area, verb, subject, subject_id)
  VALUES (holdgate_actor(), 'user', 'erase', NEW.pseudonym, NEW.user_id);
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.group_members_audit() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
BEGIN
  INSERT INTO audit_events (actor, area, verb, subject, data)
  SELECT holdgate_actor(), 'group', CASE TG_OP WHEN 'INSERT' THEN 'add_member' ELSE 'remove_member' END,
         c.group_name, jsonb_build_object('email', c.email)
  FROM changed_rows c JOIN groups g ON g.name = c.group_name;
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.groups_audit() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
BEGIN
  INSERT INTO audit_events (actor, area, verb, subject)
  SELECT holdgate_actor(), 'group', CASE TG_OP WHEN 'INSERT' THEN 'add' WHEN 'DELETE' THEN 'remove' ELSE 'change' END,
         CASE TG_OP WHEN 'DELETE' THEN OLD.name ELSE NEW.name END
  WHERE TG_OP <> 'UPDATE' OR NEW.description <> OLD.description;
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.holdgate_actor() RETURNS text
    LANGUAGE sql STABLE
    AS $$ SELECT coalesce(nullif(current_setting('holdgate.actor', true), ''), 'role:' || current_user) $$;

CREATE FUNCTION holdgate.holdgate_actor_id() RETURNS integer
    LANGUAGE plpgsql
    AS $$
DECLARE
  who text := holdgate_actor();
  found_ int;
BEGIN
  SELECT id INTO found_ FROM actors WHERE name = who LIMIT 1;
  IF found_ IS NULL THEN
    INSERT INTO actors (id, name)
    VALUES (nextval('actors_id_seq') * CASE WHEN who LIKE 'worker:%' OR who = 'system' THEN 1 ELSE -1 END, who)
    RETURNING id INTO found_;
  END IF;
  RETURN found_;
END $$;

CREATE FUNCTION holdgate.holdgate_expected(sought tsquery, OUT hits double precision, OUT tasks double precision) RETURNS record
    LANGUAGE plpgsql
    AS $$
DECLARE
  plan json;
BEGIN
  EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM task_words WHERE words @@ %L::tsquery', sought) INTO plan;
  hits := (plan #>> '{0,Plan,Plan Rows}')::float8;
  SELECT greatest(reltuples, 1) INTO tasks FROM pg_class WHERE oid = 'task_words'::regclass;
END $$;

CREATE FUNCTION holdgate.holdgate_first_id(at timestamp with time zone, days integer) RETURNS uuid
    LANGUAGE sql STABLE
    AS $$
  SELECT rpad(lpad(to_hex(greatest((extract(epoch FROM at) * 1000)::bigint + days * 86400000::bigint, 0)), 12, '0'), 32, '0')::uuid
$$;

CREATE FUNCTION holdgate.holdgate_front(queue_ text, priority_ integer, position_ bigint, line_ text DEFAULT ''::text) RETURNS bigint
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
  RETURN greatest(position_, holdgate_head(queue_, priority_, line_) - 1);
END $$;

CREATE FUNCTION holdgate.holdgate_head(queue_ text, priority_ integer, line_ text DEFAULT ''::text) RETURNS bigint
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
  IF line_ = '' THEN
    RETURN (SELECT t.position FROM tasks t
            WHERE t.state || '' = 'queued' AND NOT t.limited AND t.queue = queue_ AND t.priority = priority_::smallint
            ORDER BY t.position LIMIT 1);
  END IF;
  RETURN (SELECT t.position FROM tasks t
          WHERE t.state || '' = 'queued' AND t.limited AND t.kind = line_ AND t.queue = queue_
            AND t.priority = priority_::smallint
          ORDER BY t.position LIMIT 1);
END $$;

CREATE FUNCTION holdgate.holdgate_insert(ids uuid[], kinds text[], payloads jsonb[], queues text[], priorities integer[], attempts integer[], titles text[], runs uuid[], owners uuid[], subjects text[], run_ats timestamp with time zone[], deadlines timestamp with time zone[], states text[], at_ timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
  nobody constant uuid := '00000000-0000-0000-0000-000000000000';
  n_ constant int := cardinality(ids);
  line_ text;
  lane_ int;
  place_ bigint;
BEGIN
  IF NOT (holdgate_first_id(now(), -1) <= ALL (ids) AND holdgate_first_id(now(), 1) > ALL (ids)) THEN
    RAISE EXCEPTION 'By their ids, these tasks come from a machine whose clock is more than a day off the database''s, %.', now()
      USING HINT = 'Set its clock: run a time service (NTP) on every machine.', ERRCODE = 'invalid_parameter_value';
  END IF;
  IF n_ = 1 THEN  -- for a single row the shares and lanes of many cost more than the row
    ids[1] := holdgate_insert_one(ids[1], kinds[1], payloads[1], queues[1], priorities[1], attempts[1], titles[1], runs[1],
                                  owners[1], subjects[1], run_ats[1], deadlines[1], states[1], at_);
    RETURN;
  END IF;
  kinds := holdgate_once(kinds);
  queues := holdgate_once(queues);
  priorities := holdgate_once(priorities);
  runs := holdgate_once(runs);
  owners := holdgate_once(owners);
  IF 1 = ALL (ARRAY[cardinality(kinds), cardinality(queues), cardinality(priorities), coalesce(cardinality(runs), 1),
                    coalesce(cardinality(owners), 1)]) THEN
    -- Nearly every batch is of one lane and one share: nothing has to be joined or sorted.
    line_ := holdgate_line(kinds[1]);
    lane_ := holdgate_lane(owners[1], runs[1], queues[1], kinds[1]);
    place_ := holdgate_place(queues[1], priorities[1], coalesce(runs[1], owners[1], nobody), at_, line_);
    INSERT INTO tasks (id, kind, lane, payload, queue, priority, max_attempts, title, run_id, owner_id, subject, run_at,
                       deadline_at, state, queued_at, position, limited)
    SELECT t.id, kinds[1], lane_, coalesce(t.payload, payloads[1]), queues[1], priorities[1], coalesce(t.tries, attempts[1]),
           coalesce(t.title, titles[1]), runs[1], owners[1], t.subject, t.run_at, t.deadline,
           coalesce(CASE WHEN cardinality(states) = 1 THEN states[1] ELSE t.state END,
                    CASE WHEN t.run_at > at_ THEN 'scheduled' ELSE 'queued' END), at_, place_ + t.ordinal, line_ <> ''
    FROM unnest(ids, payloads, attempts, titles, subjects, run_ats, deadlines, states)
         WITH ORDINALITY AS t(id, payload, tries, title, subject, run_at, deadline, state, ordinal);
    RETURN;
  END IF;
  WITH n AS (
    SELECT t.*, coalesce(run, owner, nobody) AS share, coalesce(run, nobody) AS run_, coalesce(owner, nobody) AS owner_,
           coalesce(l.kind, '') AS line
    FROM (SELECT g.id, coalesce(g.kind, kinds[1]) AS kind, coalesce(g.payload, payloads[1]) AS payload,
                 coalesce(g.queue, queues[1]) AS queue, coalesce(g.priority, priorities[1]) AS priority,
                 coalesce(g.tries, attempts[1]) AS tries, coalesce(g.title, titles[1]) AS title,
                 CASE WHEN cardinality(runs) = 1 THEN runs[1] ELSE g.run END AS run,
                 CASE WHEN cardinality(owners) = 1 THEN owners[1] ELSE g.owner END AS owner, g.subject, g.run_at, g.deadline,
                 CASE WHEN cardinality(states) = 1 THEN states[1] ELSE g.state END AS state, g.ordinal
          FROM unnest(ids, kinds, payloads, queues, priorities, attempts, titles, runs, owners, subjects, run_ats, deadlines,
                      states)
               WITH ORDINALITY AS g(id, kind, payload, queue, priority, tries, title, run, owner, subject, run_at, deadline,
                                    state, ordinal)) AS t
         LEFT JOIN kind_limits l ON l.kind = t.kind AND l.limited),
  known AS MATERIALIZED (
    SELECT owner_, run_, queue, kind, holdgate_lane(owner, run, queue, kind) AS lane
    FROM (SELECT DISTINCT owner_, run_, owner, run, queue, kind FROM n) AS lanes),
  places AS MATERIALIZED (
    SELECT queue, priority, share, line, holdgate_place(queue, priority, share, at_, line) AS place
    FROM (SELECT DISTINCT queue, priority, share, line FROM n) AS shares)
  INSERT INTO tasks (id, kind, lane, payload, queue, priority, max_attempts, title, run_id, owner_id, subject, run_at,
                     deadline_at, state, queued_at, position, limited)
  SELECT n.id, n.kind, known.lane, n.payload, n.queue, n.priority, n.tries, n.title, n.run, n.owner, n.subject, n.run_at,
         n.deadline, coalesce(n.state, CASE WHEN n.run_at > at_ THEN 'scheduled' ELSE 'queued' END), at_,
         places.place + row_number() OVER (PARTITION BY n.queue, n.priority, n.share, n.line ORDER BY n.ordinal),
         n.line <> ''
  FROM n JOIN places USING (queue, priority, share, line) JOIN known USING (owner_, run_, queue, kind);
END $$;

CREATE FUNCTION holdgate.holdgate_insert_one(id_ uuid, kind_ text, payload_ jsonb, queue_ text, priority_ integer, attempts_ integer, title_ text, run_ uuid, owner_ uuid, subject_ text, run_at_ timestamp with time zone, deadline_ timestamp with time zone, state_ text, at_ timestamp with time zone) RETURNS uuid
    LANGUAGE plpgsql
    AS $$
DECLARE
  nobody constant uuid := '00000000-0000-0000-0000-000000000000';
  line_ text;
  lane_ int;
BEGIN
  SELECT coalesce((SELECT l.kind FROM kind_limits l WHERE l.kind = kind_ AND l.limited), ''),
         (SELECT l.id FROM lanes l
          WHERE l.kind = kind_ AND l.queue = queue_ AND (l.run_id = run_ OR (l.run_id IS NULL AND run_ IS NULL))
            AND (l.owner_id = owner_ OR (l.owner_id IS NULL AND owner_ IS NULL))
          LIMIT 1)
  INTO line_, lane_;
  INSERT INTO tasks (id, kind, lane, payload, queue, priority, max_attempts, title, run_id, owner_id, subject, run_at,
                     deadline_at, state, queued_at, position, limited)
  VALUES (id_, kind_, coalesce(lane_, holdgate_lane(owner_, run_, queue_, kind_)), payload_, queue_, priority_, attempts_,
          title_, run_, owner_, subject_, run_at_, deadline_,
          coalesce(state_, CASE WHEN run_at_ > at_ THEN 'scheduled' ELSE 'queued' END), at_,
          holdgate_place(queue_, priority_, coalesce(run_, owner_, nobody), at_, line_) + 1, line_ <> '');
  RETURN id_;
END $$;

CREATE FUNCTION holdgate.holdgate_lane(owner_ uuid, run_ uuid, queue_ text, kind_ text) RETURNS integer
    LANGUAGE plpgsql
    AS $$
DECLARE
  found_ int;
BEGIN
  SELECT id INTO found_ FROM lanes
  WHERE kind = kind_ AND queue = queue_ AND (run_id = run_ OR (run_id IS NULL AND run_ IS NULL))
    AND (owner_id = owner_ OR (owner_id IS NULL AND owner_ IS NULL))
  LIMIT 1;
  IF found_ IS NULL THEN
    INSERT INTO lanes (owner_id, run_id, queue, kind) VALUES (owner_, run_, queue_, kind_) RETURNING id INTO found_;
  END IF;
  RETURN found_;
END $$;

CREATE FUNCTION holdgate.holdgate_line(kind_ text) RETURNS text
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
  RETURN coalesce((SELECT l.kind FROM kind_limits l WHERE l.kind = kind_ AND l.limited), '');
END $$;

CREATE FUNCTION holdgate.holdgate_once(given anyarray) RETURNS anyarray
    LANGUAGE plpgsql IMMUTABLE STRICT
    AS $$
BEGIN
  RETURN CASE WHEN given = array_fill(given[1], ARRAY[cardinality(given)]) THEN given[1:1] ELSE given END;
END $$;

CREATE FUNCTION holdgate.holdgate_place(queue_ text, priority_ integer, share_ uuid, at_ timestamp with time zone, line_ text DEFAULT ''::text) RETURNS bigint
    LANGUAGE plpgsql STABLE
    SET enable_sort TO 'off'
    AS $$
DECLARE
  place_ bigint;
BEGIN
  IF line_ = '' THEN
    place_ := greatest((SELECT t.position FROM tasks t
                        WHERE t.state || '' = 'queued' AND NOT t.limited AND t.queue = queue_ AND t.priority = priority_::smallint
                        ORDER BY t.position LIMIT 1),
                       (SELECT t.position FROM tasks t
                        WHERE t.state = 'queued' AND NOT t.limited AND t.queue = queue_ AND t.priority = priority_::smallint
                          AND COALESCE(t.run_id, t.owner_id, '00000000-0000-0000-0000-000000000000'::uuid) = share_
                        ORDER BY t.position + 0 DESC LIMIT 1));
  ELSE
    place_ := greatest(holdgate_head(queue_, priority_, line_),
                       (SELECT t.position FROM tasks t
                        WHERE t.state = 'queued' AND t.limited AND t.kind = line_ AND t.queue = queue_
                          AND t.priority = priority_::smallint
                          AND COALESCE(t.run_id, t.owner_id, '00000000-0000-0000-0000-000000000000'::uuid) = share_
                        ORDER BY t.position + 0 DESC LIMIT 1));
  END IF;
  IF place_ IS NULL THEN
    -- A line that is empty begins where the others stand: it takes turns with them, neither ahead nor behind all.
    place_ := coalesce(holdgate_head(queue_, priority_),
                       (SELECT min(holdgate_head(queue_, priority_, l.kind)) FROM kind_limits l WHERE l.limited),
                       (extract(epoch FROM at_) * 1000000)::bigint);
  END IF;
  RETURN place_;
END $$;

CREATE FUNCTION holdgate.holdgate_rarest(words text, otherwise tsquery, OUT sought tsquery, OUT hits double precision, OUT tasks double precision) RETURNS record
    LANGUAGE plpgsql
    AS $$
DECLARE
  one tsquery;
  expected record;
BEGIN
  FOR one IN
    SELECT holdgate_sought(l) || otherwise
    FROM unnest(tsvector_to_array(to_tsvector('simple', translate(words, '/', ' ')))) AS l
    ORDER BY length(l) DESC, l LIMIT 8
  LOOP
    expected := holdgate_expected(one);
    tasks := expected.tasks;
    IF hits IS NULL OR expected.hits < hits THEN
      sought := one;
      hits := expected.hits;
    END IF;
  END LOOP;
END $$;

CREATE FUNCTION holdgate.holdgate_refuse(from_state text, to_state text) RETURNS text
    LANGUAGE plpgsql
    AS $$
BEGIN
  RAISE EXCEPTION 'illegal move of a task: % -> %', coalesce(from_state, 'nothing'), to_state
    USING ERRCODE = 'check_violation', CONSTRAINT = 'task_transitions';
END $$;

CREATE FUNCTION holdgate.holdgate_room(kind_ text, at_ timestamp with time zone, OUT room integer, OUT wait double precision) RETURNS record
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
  l kind_limits;
  tokens float8;
BEGIN
  SELECT k.* INTO l FROM kind_limits k WHERE k.kind = kind_ AND k.limited;
  room := CASE WHEN FOUND THEN 1000000 ELSE 0 END;
  IF l.concurrency IS NOT NULL THEN
    room := l.concurrency - (SELECT count(*) FROM (SELECT FROM tasks t WHERE t.state = 'running' AND t.limited
                                                   AND t.kind = kind_ LIMIT l.concurrency) AS running);
  END IF;
  IF l.rate_count IS NOT NULL THEN
    tokens := holdgate_tokens(l, at_) + 1e-6;  -- a millionth, so that ten tenths are one
    IF tokens < 1 THEN
      wait := (1 - tokens) * extract(epoch FROM l.rate_per)::float8 / l.rate_count;
    END IF;
    room := least(room, greatest(floor(tokens), 0)::int);
  END IF;
END $$;

CREATE FUNCTION holdgate.holdgate_since(task uuid) RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    AS $$
  SELECT e.at FROM task_log e WHERE e.task_id = task AND e.from_state IS DISTINCT FROM e.to_state ORDER BY e.id DESC LIMIT 1
$$;

CREATE FUNCTION holdgate.holdgate_sought(words text) RETURNS tsquery
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
  SELECT coalesce(string_agg('''' || replace(replace(l, '\', '\\'), '''', '''''') || ''':*', ' & '), '')::tsquery
  FROM unnest(tsvector_to_array(to_tsvector('simple', translate(words, '/', ' ')))) AS l
$$;

CREATE FUNCTION holdgate.holdgate_steps(task_ uuid, attempt_ integer, round_ integer) RETURNS text
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM tasks t WHERE t.id = task_ AND t.attempt = attempt_ - 1 AND t.round = round_) THEN
    RETURN NULL;
  END IF;
  RETURN (SELECT coalesce(json_object_agg(s.name, s.result), '{}')::text FROM task_steps s WHERE s.task_id = task_
          HAVING coalesce(sum(pg_column_size(s.result)), 0) <= 65536);
END $$;

CREATE FUNCTION holdgate.holdgate_task_plain(item jsonb) RETURNS boolean
    LANGUAGE sql STABLE
    AS $_$
  SELECT coalesce(
    item - '{kind,payload,title,queue,priority,max_attempts}'::text[] = '{}' AND octet_length(item ->> 'payload') <= 128
    AND item @@ '$.kind.type() == "string" && $.kind like_regex "^[A-Za-z][A-Za-z0-9_.:-]{0,99}$"
      && $.payload.type() == "object"
      && (!exists($.title) || $.title.type() == "string" && $.title like_regex "^.{0,200}$" flag "s")
      && (!exists($.queue) || $.queue.type() == "string" && $.queue like_regex "^[a-z][a-z0-9_-]{0,39}$")
      && (!exists($.priority) || $.priority.type() == "number" && $.priority >= 0 && $.priority <= 1000
          && $.priority.floor() == $.priority)
      && (!exists($.max_attempts) || $.max_attempts.type() == "number" && $.max_attempts >= 1 && $.max_attempts <= 1000
          && $.max_attempts.floor() == $.max_attempts)', false)
$_$;

CREATE FUNCTION holdgate.holdgate_task_problem(item jsonb) RETURNS text
    LANGUAGE sql STABLE
    AS $_$
  SELECT coalesce(CASE
    WHEN jsonb_typeof(item) <> 'object' THEN 'Use an object with kind and payload.'
    WHEN jsonb_typeof(item -> 'kind') IS DISTINCT FROM 'string' OR item ->> 'kind' !~ '^[A-Za-z][A-Za-z0-9_.:-]{0,99}$' THEN
      'kind: Use the name of a kind.'
    WHEN jsonb_typeof(item -> 'payload') NOT IN ('object', 'null') THEN 'payload: Use an object.'
    WHEN jsonb_typeof(item -> 'queue') NOT IN ('string', 'null') OR item ->> 'queue' !~ '^[a-z][a-z0-9_-]{0,39}$' THEN
      'queue: Use small letters, digits, - and _, at most 40.'
    WHEN CASE jsonb_typeof(item -> 'priority') WHEN 'number' THEN (item -> 'priority')::numeric NOT BETWEEN 0 AND 1000
              OR (item -> 'priority')::numeric <> trunc((item -> 'priority')::numeric) WHEN 'null' THEN false ELSE item ? 'priority' END THEN
      'priority: Use a whole number up to 1000.'
    WHEN CASE jsonb_typeof(item -> 'max_attempts') WHEN 'number' THEN (item -> 'max_attempts')::numeric NOT BETWEEN 1 AND 1000
              OR (item -> 'max_attempts')::numeric <> trunc((item -> 'max_attempts')::numeric) WHEN 'null' THEN false ELSE item ? 'max_attempts' END THEN
      'max_attempts: Use a whole number up to 1000.'
    WHEN jsonb_typeof(item -> 'title') NOT IN ('string', 'null') OR length(item ->> 'title') > 300 THEN
      'title: Use a text of at most 300 characters.'
    -- All there is, nearly always.
    WHEN item - '{kind,payload,title,queue,priority,max_attempts}'::text[] = '{}' THEN NULL
    WHEN jsonb_typeof(item -> 'subject') NOT IN ('string', 'null') OR length(item ->> 'subject') > 300 OR item ->> 'subject' = '' THEN
      'subject: Use a text of at most 300 characters.'
    WHEN jsonb_typeof(item -> 'unique') NOT IN ('string', 'null') OR length(item ->> 'unique') > 200 OR item ->> 'unique' = '' THEN
      'unique: Use a text of at most 200 characters.'
    WHEN jsonb_typeof(item -> 'unique_for') NOT IN ('number', 'null')
         OR jsonb_typeof(item -> 'unique_for') = 'number' AND (
              (item -> 'unique_for')::numeric <= 0 OR (item -> 'unique_for')::numeric > 315360000
              OR item ->> 'unique' IS NULL) THEN
      'unique_for: Use seconds, up to ten years, beside unique.'
    WHEN jsonb_typeof(item -> 'run_at') NOT IN ('string', 'null') OR item ->> 'run_at' !~  -- it must not depend on a session's zone
           '^(19[7-9]|[2-8]\d\d)\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)$' THEN
      'run_at: Use a time with its offset, as 2026-11-29T08:00:00Z.'
    WHEN jsonb_typeof(item -> 'deadline') NOT IN ('string', 'null') OR item ->> 'deadline' !~  -- it must not depend on a session's zone
           '^(19[7-9]|[2-8]\d\d)\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)$' THEN
      'deadline: Use a time with its offset, as 2026-11-29T08:00:00Z.'
    WHEN jsonb_typeof(item -> 'run') NOT IN ('string', 'null')
         OR item ->> 'run' !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
      'run: Use the id of a run.'
    WHEN jsonb_typeof(item -> 'owner') NOT IN ('string', 'null')
         OR item ->> 'owner' !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' AND item ->> 'owner' !~ '^\S+@\S+$' THEN
      'owner: Use the id or the email address of a person.'
    ELSE jsonb_path_query_first(  -- no subquery: with one it would be called as a function for each task
           jsonb_strip_nulls(item - '{kind,payload,title,queue,priority,max_attempts,subject,unique,unique_for,run_at,deadline,run,owner}'::text[]),
           '$.keyvalue().key') #>> '{}' || ': There is no such field.'
  END,
  CASE WHEN octet_length(item ->> 'payload') > 128 THEN CASE
    WHEN octet_length(item ->> 'payload') > 4194304 + 20000 THEN  -- of which as many are spaces that others leave out
      'payload: It is longer than 4 MB as JSON.'
    WHEN item -> 'payload' @? 'strict $.**{65 to last}' THEN 'payload: It is nested deeper than 64 levels.'
    WHEN octet_length(item ->> 'payload') > 20000
         AND jsonb_array_length(jsonb_path_query_array(item -> 'payload', 'strict $.**')) > 10000 THEN
      'payload: It holds more than 10,000 values.'
  END END)
$_$;

CREATE TABLE holdgate.kind_limits (
    kind text NOT NULL,
    concurrency integer,
    rate_count integer,
    rate_per interval,
    limited boolean NOT NULL,
    set_by text,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    settled_at timestamp with time zone,
    tokens double precision DEFAULT 0 NOT NULL,
    tokens_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT kind_limits_concurrency_check CHECK ((concurrency >= 0)),
    CONSTRAINT kind_limits_limited_check CHECK ((limited = ((concurrency IS NOT NULL) OR (rate_count IS NOT NULL)))),
    CONSTRAINT kind_limits_rate_check CHECK (((rate_count >= 1) AND (rate_per > '00:00:00'::interval))),
    CONSTRAINT kind_limits_whole_rate_check CHECK (((rate_count IS NULL) = (rate_per IS NULL)))
);

CREATE FUNCTION holdgate.holdgate_tokens(l holdgate.kind_limits, at_ timestamp with time zone) RETURNS double precision
    LANGUAGE sql STABLE
    AS $$ SELECT least(l.rate_count, l.tokens + greatest(0, extract(epoch FROM at_ - l.tokens_at)::float8) * l.rate_count
                              / extract(epoch FROM l.rate_per)::float8) $$;

CREATE FUNCTION holdgate.holdgate_unindexed() RETURNS TABLE(task_id uuid, words tsvector)
    LANGUAGE plpgsql STABLE ROWS 10
    AS $$
BEGIN
  RETURN QUERY
  SELECT t.id, holdgate_words(t.kind, t.title, t.payload) || array_to_tsvector(ARRAY['@' || t.queue])
  FROM task_log e
  CROSS JOIN LATERAL (SELECT * FROM tasks WHERE id = e.task_id OFFSET 0) AS t
  WHERE e.xid >= (SELECT f.upto FROM log_followers f WHERE f.name = 'words') AND e.xid < '18446744073709551615'::xid8
    AND e.from_state IS NULL AND NOT EXISTS (SELECT FROM task_words w WHERE w.task_id = t.id OFFSET 0);
END $$;

CREATE FUNCTION holdgate.holdgate_uuid7() RETURNS uuid
    LANGUAGE sql
    AS $$
  SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
           PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
           52, 1), 53, 1), 'hex')::uuid
$$;

CREATE FUNCTION holdgate.holdgate_words(kind text, title text, payload jsonb) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $_$
  SELECT to_tsvector('simple', translate(title, '/', ' ')) || array_to_tsvector(
    ARRAY['#' || kind] ||
    CASE WHEN count(*) > 1000 THEN ARRAY['=*']
         ELSE coalesce(array_agg(DISTINCT '=' || v) FILTER (WHERE length(v) BETWEEN 1 AND 200), '{}') END)
  FROM (SELECT CASE WHEN jsonb_typeof(j) = 'number' THEN trim_scale((j #>> '{}')::numeric)::text
                    ELSE j #>> '{}' END AS v
        FROM jsonb_path_query(payload, 'strict $.**') AS j
        WHERE jsonb_typeof(j) IN ('string', 'number', 'boolean')) AS found
$_$;

CREATE FUNCTION holdgate.kind_limits_log() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
BEGIN
  INSERT INTO kind_limit_events (kind, limits, actor)
  VALUES (NEW.kind,
          coalesce(nullif(concat_ws(', ', NEW.concurrency || ' at once', NEW.rate_count || ' per ' || NEW.rate_per), ''),
                   'none'),
          holdgate_actor());
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.login_links_audit() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
BEGIN
  INSERT INTO audit_events (actor, area, verb, subject, subject_id)
  VALUES (holdgate_actor(), 'user', 'make_sign_in_link', NEW.email,
          (SELECT id FROM users WHERE lower(email) = lower(NEW.email)));
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.posting_texts_alike(one text, other text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
  SELECT least(cardinality(a), cardinality(b)) < 30
      OR 10 * (SELECT count(*) FROM (SELECT unnest(a) INTERSECT SELECT unnest(b)) AS shared)
         >= 6 * least(cardinality(a), cardinality(b))
  FROM (SELECT tsvector_to_array(to_tsvector('simple', left(one, 4000))) AS a,
               tsvector_to_array(to_tsvector('simple', left(other, 4000))) AS b) AS words
$$;

CREATE FUNCTION holdgate.queues_log() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
BEGIN
  IF NEW.paused_at IS DISTINCT FROM (CASE WHEN TG_OP = 'UPDATE' THEN OLD.paused_at END) THEN
    INSERT INTO queue_events (queue, verb, actor)
    VALUES (NEW.name, CASE WHEN NEW.paused_at IS NULL THEN 'resume' ELSE 'pause' END, holdgate_actor());
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.runs_log() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO run_events (run_id, verb, actor) VALUES (NEW.id, 'started', holdgate_actor());
    RETURN NULL;
  END IF;
  IF NEW.state <> OLD.state THEN
    INSERT INTO run_events (run_id, verb, actor)
    VALUES (NEW.id, CASE NEW.state WHEN 'active' THEN 'resumed' ELSE NEW.state END, holdgate_actor());
  END IF;
  IF NEW.deleted_at IS NOT NULL AND OLD.deleted_at IS NULL THEN
    INSERT INTO run_events (run_id, verb, actor) VALUES (NEW.id, 'deleted', holdgate_actor());
  END IF;
  IF (NEW.finished_at IS NULL) <> (OLD.finished_at IS NULL) THEN
    INSERT INTO run_events (run_id, verb, actor)
    VALUES (NEW.id, CASE WHEN NEW.finished_at IS NULL THEN 'reopened' ELSE 'finished' END, holdgate_actor());
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.schedules_log() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
DECLARE
  verb text;
  names text;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    SELECT string_agg(n.key, ', ' ORDER BY n.key) INTO names
    FROM jsonb_each(to_jsonb(NEW)) n JOIN jsonb_each(to_jsonb(OLD)) o USING (key)
    WHERE n.value <> o.value
      AND key IN ('name', 'kind', 'payload', 'queue', 'priority', 'cron', 'zone', 'missed', 'owner_id');
    verb := CASE WHEN names IS NOT NULL THEN 'edit'
                 WHEN OLD.paused_at IS NULL AND NEW.paused_at IS NOT NULL THEN 'pause'
                 WHEN OLD.paused_at IS NOT NULL AND NEW.paused_at IS NULL THEN 'resume'
                 WHEN NEW.asked_at IS DISTINCT FROM OLD.asked_at THEN 'run' END;
  ELSE
    verb := CASE TG_OP WHEN 'INSERT' THEN 'create' ELSE 'delete' END;
  END IF;
  IF verb IS NOT NULL THEN
    INSERT INTO schedule_events (schedule_id, name, verb, actor, changed)
    VALUES (CASE TG_OP WHEN 'DELETE' THEN OLD.id ELSE NEW.id END,
            CASE TG_OP WHEN 'DELETE' THEN OLD.name ELSE NEW.name END, verb, holdgate_actor(), names);
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.sessions_audit() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
BEGIN
  INSERT INTO audit_events (actor, area, verb, subject, subject_id, data)
  SELECT 'user:' || u.email, 'user', 'sign_in', u.email, u.id,
         jsonb_build_object('address', NEW.address, 'browser', NEW.user_agent)
  FROM users u WHERE u.id = NEW.user_id;
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.task_counts_add() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
BEGIN
  INSERT INTO task_totals AS t (owner_id, queue, kind, state, n)
  SELECT owner_id, queue, kind, state, sum(n) FROM new_rows GROUP BY 1, 2, 3, 4
  ON CONFLICT (owner_id, queue, kind, state) DO UPDATE SET n = t.n + EXCLUDED.n;
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.task_counts_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
BEGIN
  INSERT INTO task_totals AS t (owner_id, queue, kind, state, n)
  SELECT owner_id, queue, kind, state, sum(n)
  FROM (SELECT owner_id, queue, kind, state, n FROM new_rows
        UNION ALL SELECT owner_id, queue, kind, state, -n FROM old_rows) AS changes
  GROUP BY 1, 2, 3, 4 HAVING sum(n) <> 0
  ON CONFLICT (owner_id, queue, kind, state) DO UPDATE SET n = t.n + EXCLUDED.n;
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.task_log_immutable() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
BEGIN
  IF coalesce(current_setting('holdgate.erasing', true), '') <> 'on' THEN
    RAISE EXCEPTION 'task_log cannot be changed' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.tasks_errors_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
BEGIN
  -- Most changes are of tasks that have never failed.
  IF NOT EXISTS (SELECT FROM new_rows WHERE fingerprint IS NOT NULL) AND NOT EXISTS (SELECT FROM old_rows WHERE fingerprint IS NOT NULL) THEN
    RETURN NULL;
  END IF;
  INSERT INTO error_counts (owner_id, fingerprint, dead, n)
  SELECT owner_id, fingerprint, dead, sum(n)
  FROM (SELECT owner_id, fingerprint, state = 'dead_letter' AS dead, 1 AS n FROM new_rows WHERE fingerprint IS NOT NULL AND resolved_at IS NULL AND state IN ('dead_letter', 'retrying', 'queued', 'running')
        UNION ALL SELECT owner_id, fingerprint, state = 'dead_letter', -1 FROM old_rows WHERE fingerprint IS NOT NULL AND resolved_at IS NULL AND state IN ('dead_letter', 'retrying', 'queued', 'running')) AS changes
  GROUP BY 1, 2, 3 HAVING sum(n) <> 0;
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.tasks_errors_delete() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
BEGIN
  INSERT INTO error_counts (owner_id, fingerprint, dead, n)
  SELECT owner_id, fingerprint, state = 'dead_letter', -count(*) FROM old_rows WHERE fingerprint IS NOT NULL AND resolved_at IS NULL AND state IN ('dead_letter', 'retrying', 'queued', 'running') GROUP BY 1, 2, 3;
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.tasks_lane() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
BEGIN
  NEW.lane := holdgate_lane(NEW.owner_id, NEW.run_id, NEW.queue, NEW.kind);
  RETURN NEW;
END $$;

CREATE FUNCTION holdgate.tasks_log_delete() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
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

CREATE FUNCTION holdgate.tasks_log_insert() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
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

CREATE FUNCTION holdgate.tasks_log_update() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    SET enable_nestloop TO 'off'
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

CREATE FUNCTION holdgate.tasks_words_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
BEGIN
  INSERT INTO task_words (task_id, words)
  VALUES (NEW.id, holdgate_words(NEW.kind, NEW.title, NEW.payload) || array_to_tsvector(ARRAY['@' || NEW.queue]))
  ON CONFLICT (task_id) DO UPDATE SET words = EXCLUDED.words;
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.tasks_words_delete() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
BEGIN
  DELETE FROM task_words w USING old_rows o WHERE w.task_id = o.id;
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.users_audit() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO audit_events (actor, area, verb, subject, subject_id, data)
    VALUES (holdgate_actor(), 'user', 'add', NEW.email, NEW.id, jsonb_build_object('role', NEW.role));
    RETURN NULL;
  END IF;
  IF NEW.role <> OLD.role THEN
    INSERT INTO audit_events (actor, area, verb, subject, subject_id, data)
    VALUES (holdgate_actor(), 'user', 'change_role', NEW.email, NEW.id,
            jsonb_build_object('from', OLD.role, 'to', NEW.role));
  END IF;
  IF (NEW.disabled_at IS NULL) <> (OLD.disabled_at IS NULL) THEN
    INSERT INTO audit_events (actor, area, verb, subject, subject_id)
    VALUES (holdgate_actor(), 'user', CASE WHEN NEW.disabled_at IS NULL THEN 'enable' ELSE 'disable' END,
            NEW.email, NEW.id);
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION holdgate.webhook_endpoints_audit() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'holdgate', 'pg_temp'
    AS $$
DECLARE
  endpoint record;
  done text[] := CASE TG_OP WHEN 'INSERT' THEN ARRAY['add'] WHEN 'DELETE' THEN ARRAY['remove'] ELSE ARRAY[]::text[] END;
BEGIN
  IF TG_OP = 'DELETE' THEN endpoint := OLD; ELSE endpoint := NEW; END IF;
  IF endpoint.task_id IS NOT NULL THEN RETURN NULL; END IF;  -- a callback of one request, which nobody tends
  IF TG_OP = 'UPDATE' THEN
    IF NEW.url <> OLD.url OR NEW.events <> OLD.events OR NEW.everyone <> OLD.everyone THEN
      done := done || 'change'::text;
    END IF;
    IF NEW.secret <> OLD.secret THEN done := done || 'rotate_secret'::text; END IF;
    IF (NEW.disabled_at IS NULL) <> (OLD.disabled_at IS NULL) THEN
      done := done || CASE WHEN NEW.disabled_at IS NULL THEN 'enable' ELSE 'disable' END;
    END IF;
  END IF;
  -- Of the address only where it leads: its path may be a password.
  INSERT INTO audit_events (actor, area, verb, subject, subject_id)
  SELECT holdgate_actor(), 'webhook', verb, substring(endpoint.url from '^[^:]+://(?:[^/@]*@)?([^/?#]+)'), endpoint.id
  FROM unnest(done) AS verb;
  RETURN NULL;
END $$;

CREATE TABLE holdgate.absences (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    substitute text,
    CONSTRAINT absences_ends_at_check CHECK ((ends_at > starts_at)),
    CONSTRAINT absences_substitute_check CHECK (((substitute ~~ '%_@_%'::text) AND (length(substitute) <= 254)))
);

CREATE TABLE holdgate.actors (
    id integer NOT NULL,
    name text NOT NULL
);

ALTER TABLE holdgate.actors ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME holdgate.actors_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE holdgate.alarms (
    id uuid NOT NULL,
    owner_id uuid NOT NULL,
    condition text NOT NULL,
    kind text,
    queue text,
    count integer,
    span interval,
    everyone boolean DEFAULT false NOT NULL,
    state text DEFAULT 'ok'::text NOT NULL,
    detail text DEFAULT ''::text NOT NULL,
    fired_at timestamp with time zone,
    recovered_at timestamp with time zone,
    checked_at timestamp with time zone DEFAULT now() NOT NULL,
    next_at timestamp with time zone DEFAULT now() NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT alarms_condition_check CHECK ((condition = ANY (ARRAY['failures'::text, 'queue_wait'::text, 'schedule_missed'::text]))),
    CONSTRAINT alarms_count_check CHECK (((condition = 'failures'::text) = (count IS NOT NULL))),
    CONSTRAINT alarms_span_check CHECK (((condition = 'schedule_missed'::text) = (span IS NULL))),
    CONSTRAINT alarms_state_check CHECK ((state = ANY (ARRAY['ok'::text, 'firing'::text])))
);

CREATE TABLE holdgate.answer_counts (
    kind text NOT NULL,
    group_name text NOT NULL,
    event text NOT NULL,
    n bigint NOT NULL,
    seconds double precision NOT NULL,
    CONSTRAINT answer_counts_event_check CHECK ((event = ANY (ARRAY['requested'::text, 'delivered'::text, 'undelivered'::text, 'decided'::text, 'expired'::text])))
);

CREATE TABLE holdgate.answer_notes (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    kind text NOT NULL,
    group_name text NOT NULL,
    event text NOT NULL,
    person text NOT NULL,
    seconds double precision,
    CONSTRAINT answer_notes_event_check CHECK ((event = ANY (ARRAY['requested'::text, 'delivered'::text, 'undelivered'::text, 'decided'::text, 'expired'::text])))
);

ALTER TABLE holdgate.answer_notes ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME holdgate.answer_notes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE holdgate.answer_times (
    kind text NOT NULL,
    group_name text NOT NULL,
    bucket smallint NOT NULL,
    n bigint NOT NULL
);

CREATE TABLE holdgate.api_replies (
    user_id uuid NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    status smallint NOT NULL,
    body bytea NOT NULL,
    location text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE holdgate.api_tokens (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    name text NOT NULL,
    prefix text NOT NULL,
    token_hash bytea NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    used_at timestamp with time zone,
    trusted_by text,
    CONSTRAINT api_tokens_name_check CHECK (((length(name) >= 1) AND (length(name) <= 100))),
    CONSTRAINT api_tokens_scopes_check CHECK ((cardinality(scopes) >= 1))
);

CREATE TABLE holdgate.application_files (
    owner_id uuid NOT NULL,
    sha256 text NOT NULL,
    content bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE holdgate.applications (
    id uuid NOT NULL,
    owner_id uuid NOT NULL,
    posting_id uuid,
    task_id uuid,
    title text NOT NULL,
    company text NOT NULL,
    location text DEFAULT ''::text NOT NULL,
    url text NOT NULL,
    channel text NOT NULL,
    status text NOT NULL,
    status_at timestamp with time zone DEFAULT now() NOT NULL,
    history jsonb DEFAULT '[]'::jsonb NOT NULL,
    sent_at timestamp with time zone,
    receipt text DEFAULT ''::text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    contact text DEFAULT ''::text NOT NULL,
    notes text DEFAULT ''::text NOT NULL,
    follow_up_at timestamp with time zone,
    follow_up_task_id uuid,
    copy jsonb,
    host text DEFAULT ''::text NOT NULL,
    begun_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT applications_channel_check CHECK ((channel = ANY (ARRAY['direct'::text, 'email'::text, 'by_hand'::text, 'elsewhere'::text]))),
    CONSTRAINT applications_sent_at_check CHECK (((status = ANY (ARRAY['prepared'::text, 'put_aside'::text])) = (sent_at IS NULL))),
    CONSTRAINT applications_status_check CHECK ((status = ANY (ARRAY['prepared'::text, 'put_aside'::text, 'sent'::text, 'replied'::text, 'interview'::text, 'offer'::text, 'rejected'::text, 'no_answer'::text])))
);

CREATE TABLE holdgate.approval_digest_links (
    token_hash bytea NOT NULL,
    digest_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE holdgate.approval_digests (
    id uuid NOT NULL,
    person text NOT NULL,
    email text NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    used_at timestamp with time zone
);

CREATE TABLE holdgate.approval_events (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    approval_id uuid NOT NULL,
    recipient_id uuid,
    verb text NOT NULL,
    actor text NOT NULL,
    data jsonb DEFAULT '{}'::jsonb NOT NULL
);

ALTER TABLE holdgate.approval_events ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME holdgate.approval_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE holdgate.approval_links (
    token_hash bytea NOT NULL,
    recipient_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE holdgate.approval_notes (
    id uuid NOT NULL,
    approval_id uuid NOT NULL,
    recipient_id uuid NOT NULL,
    asked_by text NOT NULL,
    question text NOT NULL,
    asked_at timestamp with time zone DEFAULT now() NOT NULL,
    answer text,
    ended_by text,
    ended_at timestamp with time zone,
    CONSTRAINT approval_notes_answer_check CHECK (((answer IS NULL) OR (ended_at IS NOT NULL))),
    CONSTRAINT approval_notes_ended_check CHECK (((ended_at IS NULL) = (ended_by IS NULL)))
);

CREATE TABLE holdgate.approval_openings (
    recipient_id uuid NOT NULL,
    opener text NOT NULL,
    n integer NOT NULL,
    first_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL,
    address text NOT NULL,
    sign text NOT NULL,
    CONSTRAINT approval_openings_opener_check CHECK ((opener = ANY (ARRAY['person'::text, 'scanner'::text])))
);

CREATE TABLE holdgate.approval_recipients (
    id uuid NOT NULL,
    approval_id uuid NOT NULL,
    email text NOT NULL,
    state text DEFAULT 'waiting'::text NOT NULL,
    sent_at timestamp with time zone,
    problem text,
    fresh_links integer DEFAULT 0 NOT NULL,
    fresh_link_at timestamp with time zone,
    forwarded_from uuid,
    forward_note text,
    groups text[] DEFAULT '{}'::text[] NOT NULL,
    substitute_for text,
    escalated boolean DEFAULT false NOT NULL,
    person text GENERATED ALWAYS AS (regexp_replace(lower(btrim(email)), '^([^+@]+)\+[^@]*@'::text, '\1@'::text)) STORED NOT NULL,
    asked_at timestamp with time zone DEFAULT now() NOT NULL,
    turn text,
    urgency smallint DEFAULT '0'::smallint NOT NULL,
    pace smallint DEFAULT '10'::smallint NOT NULL,
    tell_at timestamp with time zone,
    told_at timestamp with time zone,
    digest_id uuid,
    CONSTRAINT approval_recipients_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'sent'::text, 'undelivered'::text, 'inbox'::text, 'shown'::text]))),
    CONSTRAINT approval_recipients_turn_check CHECK ((turn = ANY (ARRAY['waiting'::text, 'open'::text])))
);

CREATE TABLE holdgate.approval_turns (
    id bigint NOT NULL,
    person text NOT NULL
);

ALTER TABLE holdgate.approval_turns ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME holdgate.approval_turns_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE holdgate.approval_uploads (
    artifact_id uuid NOT NULL,
    approval_id uuid NOT NULL,
    person text NOT NULL,
    field text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE holdgate.approval_votes (
    id uuid NOT NULL,
    approval_id uuid NOT NULL,
    person text NOT NULL,
    email text NOT NULL,
    verb text NOT NULL,
    reason text,
    answer json,
    option text,
    source text NOT NULL,
    version text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT approval_votes_verb_check CHECK ((verb = ANY (ARRAY['approve'::text, 'reject'::text, 'request_changes'::text, 'answer'::text])))
);

CREATE TABLE holdgate.approvals (
    id uuid NOT NULL,
    task_id uuid NOT NULL,
    owner_id uuid,
    hold text NOT NULL,
    step text NOT NULL,
    round smallint NOT NULL,
    title text NOT NULL,
    shown json NOT NULL,
    form json,
    choices json DEFAULT '{}'::json NOT NULL,
    version text NOT NULL,
    state text DEFAULT 'pending'::text NOT NULL,
    needed smallint DEFAULT '1'::smallint NOT NULL,
    needed_by json,
    self_approval boolean DEFAULT true NOT NULL,
    level text DEFAULT 'link'::text NOT NULL,
    asks_others boolean DEFAULT false NOT NULL,
    continues_on_reject boolean DEFAULT false NOT NULL,
    continues_on_expire boolean DEFAULT false NOT NULL,
    escalates_to text,
    escalated_at timestamp with time zone,
    clock text DEFAULT 'wall'::text NOT NULL,
    urgent boolean DEFAULT false NOT NULL,
    ttl interval,
    take_back interval DEFAULT '00:00:00'::interval NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    clock_started_at timestamp with time zone,
    expires_at timestamp with time zone,
    remind_at timestamp with time zone,
    reminders smallint DEFAULT '0'::smallint NOT NULL,
    stopped_at timestamp with time zone,
    time_left interval,
    decided_at timestamp with time zone,
    decided_by text,
    decided_from text,
    reason text,
    answer json,
    option text,
    withdrawn_at timestamp with time zone,
    alike text,
    erased_at timestamp with time zone,
    asker text,
    asker_id uuid,
    CONSTRAINT approvals_asker_check CHECK (((asker IS NULL) = (asker_id IS NULL))),
    CONSTRAINT approvals_clock_check CHECK ((clock = ANY (ARRAY['wall'::text, 'working'::text]))),
    CONSTRAINT approvals_decided_check CHECK (((state = 'pending'::text) = (decided_at IS NULL))),
    CONSTRAINT approvals_expires_at_check CHECK (((expires_at >= '0001-01-02 00:00:00+00'::timestamp with time zone) AND (expires_at <= '9999-12-30 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT approvals_hold_check CHECK ((hold = ANY (ARRAY['pending_approval'::text, 'needs_input'::text, 'needs_auth'::text]))),
    CONSTRAINT approvals_level_check CHECK ((level = ANY (ARRAY['link'::text, 'sign-in'::text]))),
    CONSTRAINT approvals_needed_check CHECK ((needed >= 1)),
    CONSTRAINT approvals_remind_at_check CHECK (((remind_at >= '0001-01-02 00:00:00+00'::timestamp with time zone) AND (remind_at <= '9999-12-30 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT approvals_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'approved'::text, 'answered'::text, 'rejected'::text, 'changes_requested'::text, 'expired'::text, 'cancelled'::text])))
);

CREATE TABLE holdgate.artifacts (
    id uuid NOT NULL,
    task_id uuid NOT NULL,
    name text NOT NULL,
    content_type text NOT NULL,
    size bigint NOT NULL,
    sha256 text NOT NULL,
    key text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    attempt integer NOT NULL,
    CONSTRAINT artifacts_size_check CHECK ((size >= 0))
);

CREATE TABLE holdgate.attempt_lines (
    task_id uuid NOT NULL,
    attempt integer NOT NULL,
    total bigint NOT NULL,
    lines jsonb NOT NULL
);

CREATE TABLE holdgate.audit_events (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    actor text NOT NULL,
    area text NOT NULL,
    verb text NOT NULL,
    subject text,
    subject_id uuid,
    data jsonb
);

ALTER TABLE holdgate.audit_events ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME holdgate.audit_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE holdgate.board_hosts (
    host text NOT NULL,
    asked_at timestamp with time zone NOT NULL
);

CREATE TABLE holdgate.bulk_actions (
    id uuid NOT NULL,
    owner_id uuid NOT NULL,
    actor text NOT NULL,
    scope uuid,
    verb text NOT NULL,
    filter jsonb NOT NULL,
    priority smallint,
    note text DEFAULT ''::text NOT NULL,
    canary boolean DEFAULT false NOT NULL,
    state text DEFAULT 'running'::text NOT NULL,
    reason text,
    total integer NOT NULL,
    done integer DEFAULT 0 NOT NULL,
    skipped integer DEFAULT 0 NOT NULL,
    step smallint DEFAULT '0'::smallint NOT NULL,
    failed integer DEFAULT 0 NOT NULL,
    cursor uuid,
    due_at timestamp with time zone DEFAULT now() NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT bulk_actions_canary_check CHECK (((NOT canary) OR (verb = 'retry'::text))),
    CONSTRAINT bulk_actions_finished_check CHECK (((state = ANY (ARRAY['stopped'::text, 'finished'::text])) = (finished_at IS NOT NULL))),
    CONSTRAINT bulk_actions_priority_check CHECK (((verb = 'prioritise'::text) = (priority IS NOT NULL))),
    CONSTRAINT bulk_actions_progress_check CHECK (((done >= 0) AND (skipped >= 0) AND ((done + skipped) <= total))),
    CONSTRAINT bulk_actions_state_check CHECK ((state = ANY (ARRAY['running'::text, 'waiting'::text, 'stopped'::text, 'finished'::text]))),
    CONSTRAINT bulk_actions_verb_check CHECK ((verb = ANY (ARRAY['retry'::text, 'resume'::text, 'cancel'::text, 'prioritise'::text, 'resolve'::text])))
);

CREATE TABLE holdgate.bulk_events (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    action_id uuid NOT NULL,
    from_state text,
    to_state text NOT NULL,
    actor text NOT NULL,
    reason text
);

ALTER TABLE holdgate.bulk_events ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME holdgate.bulk_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE holdgate.bulk_tasks (
    action_id uuid NOT NULL,
    task_id uuid NOT NULL,
    outcome text,
    fingerprint text,
    watch text,
    priority smallint,
    CONSTRAINT bulk_tasks_outcome_check CHECK ((outcome = ANY (ARRAY['done'::text, 'skipped'::text]))),
    CONSTRAINT bulk_tasks_watch_check CHECK ((watch = ANY (ARRAY['step'::text, 'passed'::text])))
);

CREATE TABLE holdgate.column_choices (
    owner_id uuid NOT NULL,
    header text NOT NULL,
    fields jsonb NOT NULL,
    chosen_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE holdgate.distinct_postings (
    first_id uuid NOT NULL,
    second_id uuid NOT NULL,
    decided_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT distinct_postings_order_check CHECK ((first_id < second_id))
);

CREATE TABLE holdgate.doctor_notices (
    "check" text NOT NULL,
    told_at timestamp with time zone NOT NULL
);

CREATE TABLE holdgate.erasures (
    id uuid NOT NULL,
    address text,
    user_id uuid,
    pseudonym text NOT NULL,
    step smallint DEFAULT '0'::smallint NOT NULL,
    changed jsonb DEFAULT '{}'::jsonb NOT NULL,
    requested_at timestamp with time zone DEFAULT now() NOT NULL,
    done_at timestamp with time zone,
    CONSTRAINT erasures_address_check CHECK (((done_at IS NULL) = (address IS NOT NULL)))
);

CREATE TABLE holdgate.error_counts (
    owner_id uuid,
    fingerprint text NOT NULL,
    dead boolean NOT NULL,
    n bigint NOT NULL
);

CREATE TABLE holdgate.error_minutes (
    owner_id uuid,
    span smallint NOT NULL,
    minute timestamp with time zone NOT NULL,
    fingerprint text NOT NULL,
    n bigint NOT NULL
);

CREATE TABLE holdgate.error_mutes (
    owner_id uuid NOT NULL,
    digest text NOT NULL,
    muted_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE holdgate.error_names (
    owner_id uuid,
    fingerprint text NOT NULL,
    kind text NOT NULL,
    error_type text NOT NULL,
    message text NOT NULL,
    last_at timestamp with time zone NOT NULL
);

CREATE TABLE holdgate.group_members (
    group_name text NOT NULL,
    email text NOT NULL,
    added_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT group_members_email_check CHECK (((email ~~ '%_@_%'::text) AND (length(email) <= 254)))
);

CREATE TABLE holdgate.groups (
    name text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT groups_description_check CHECK ((length(description) <= 500)),
    CONSTRAINT groups_name_check CHECK ((name ~ '^[a-z0-9]([a-z0-9._-]{0,48}[a-z0-9])?$'::text))
);

CREATE TABLE holdgate.kind_limit_events (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    kind text NOT NULL,
    limits text NOT NULL,
    actor text NOT NULL
);

ALTER TABLE holdgate.kind_limit_events ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME holdgate.kind_limit_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE holdgate.lanes (
    id integer NOT NULL,
    owner_id uuid,
    run_id uuid,
    queue text NOT NULL,
    kind text NOT NULL
);

ALTER TABLE holdgate.lanes ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME holdgate.lanes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE holdgate.log_followers (
    name text NOT NULL,
    upto xid8 NOT NULL
);

CREATE TABLE holdgate.login_links (
    id uuid NOT NULL,
    email text NOT NULL,
    token_hash bytea,
    browser_hash bytea,
    code_hash bytea,
    wrong_codes smallint DEFAULT '0'::smallint NOT NULL,
    next_path text DEFAULT '/overview'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    person text,
    network text,
    mailed boolean DEFAULT false NOT NULL,
    CONSTRAINT login_links_wrong_codes_check CHECK ((wrong_codes >= 0))
);

CREATE TABLE holdgate.mailbox_messages (
    id uuid NOT NULL,
    message_id text NOT NULL,
    recipient text NOT NULL,
    subject text NOT NULL,
    raw bytea NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE holdgate.orphans (
    queue text NOT NULL,
    kind text NOT NULL,
    since timestamp with time zone NOT NULL
);

CREATE TABLE holdgate.person_times (
    person text NOT NULL,
    month date NOT NULL,
    bucket smallint NOT NULL,
    n bigint NOT NULL
);

CREATE TABLE holdgate.posting_imports (
    id uuid NOT NULL,
    owner_id uuid NOT NULL,
    name text NOT NULL,
    format text NOT NULL,
    rows jsonb NOT NULL,
    errors jsonb NOT NULL,
    warnings jsonb DEFAULT '[]'::jsonb NOT NULL,
    data bytea,
    reading jsonb DEFAULT '{}'::jsonb NOT NULL,
    columns jsonb DEFAULT '[]'::jsonb NOT NULL,
    encoding text DEFAULT ''::text NOT NULL,
    board text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    confirmed_at timestamp with time zone
);

CREATE TABLE holdgate.postings (
    id uuid NOT NULL,
    owner_id uuid NOT NULL,
    title text NOT NULL,
    company text NOT NULL,
    location text DEFAULT ''::text NOT NULL,
    url text NOT NULL,
    canonical_url text NOT NULL,
    apply_url text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    external_id text DEFAULT ''::text NOT NULL,
    source text NOT NULL,
    questions jsonb DEFAULT '[]'::jsonb NOT NULL,
    extra jsonb DEFAULT '{}'::jsonb NOT NULL,
    channel text DEFAULT 'direct'::text NOT NULL,
    channel_reason text DEFAULT ''::text NOT NULL,
    valid_through date,
    board text DEFAULT ''::text NOT NULL,
    gone_at timestamp with time zone,
    archived_at timestamp with time zone,
    edited_at timestamp with time zone,
    resume_id uuid,
    letter text DEFAULT ''::text NOT NULL,
    duplicate_of uuid,
    company_key text DEFAULT ''::text NOT NULL,
    title_key text DEFAULT ''::text NOT NULL,
    tracker_status text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    applied_at timestamp with time zone,
    applied_task_id uuid,
    sending_task_id uuid,
    words tsvector GENERATED ALWAYS AS (to_tsvector('simple'::regconfig, translate(((((title || ' '::text) || company) || ' '::text) || location), '/'::text, ' '::text))) STORED NOT NULL,
    CONSTRAINT postings_duplicate_check CHECK ((duplicate_of <> id))
);

CREATE TABLE holdgate.profiles (
    user_id uuid NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    first_name text DEFAULT ''::text NOT NULL,
    last_name text DEFAULT ''::text NOT NULL,
    email text DEFAULT ''::text NOT NULL,
    phone text DEFAULT ''::text NOT NULL,
    links jsonb DEFAULT '[]'::jsonb NOT NULL,
    cover_letter text DEFAULT ''::text NOT NULL,
    letters jsonb DEFAULT '{}'::jsonb NOT NULL,
    answers jsonb DEFAULT '{}'::jsonb NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE holdgate.program_requests (
    task_id uuid NOT NULL,
    asked json NOT NULL,
    digest bytea NOT NULL,
    metadata json NOT NULL,
    used_at timestamp with time zone,
    calls_back boolean DEFAULT false NOT NULL
);

CREATE TABLE holdgate.queue_depths (
    span smallint NOT NULL,
    minute timestamp with time zone NOT NULL,
    queue text NOT NULL,
    depth bigint NOT NULL,
    oldest double precision NOT NULL
);

CREATE TABLE holdgate.queue_events (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    queue text NOT NULL,
    verb text NOT NULL,
    actor text NOT NULL
);

ALTER TABLE holdgate.queue_events ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME holdgate.queue_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE holdgate.queues (
    name text NOT NULL,
    paused_at timestamp with time zone,
    paused_by text,
    CONSTRAINT queues_paused_check CHECK (((paused_at IS NULL) = (paused_by IS NULL)))
);

CREATE TABLE holdgate.resumes (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    name text NOT NULL,
    media_type text NOT NULL,
    content bytea NOT NULL,
    usual boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE holdgate.retention_walks (
    name text NOT NULL,
    began_at timestamp with time zone NOT NULL,
    id uuid NOT NULL
);

CREATE TABLE holdgate.rollup (
    id smallint DEFAULT 1 NOT NULL,
    upto xid8 NOT NULL,
    CONSTRAINT rollup_one_check CHECK ((id = 1))
);

CREATE TABLE holdgate.run_events (
    id bigint NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    run_id uuid NOT NULL,
    verb text NOT NULL,
    actor text NOT NULL
);

ALTER TABLE holdgate.run_events ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME holdgate.run_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE holdgate.run_minutes (
    run_id uuid NOT NULL,
    minute timestamp with time zone NOT NULL,
    n bigint NOT NULL
);

CREATE TABLE holdgate.run_times (
    run_id uuid NOT NULL,
    stage text NOT NULL,
    n bigint NOT NULL,
    seconds numeric NOT NULL,
    CONSTRAINT run_times_stage_check CHECK ((stage = ANY (ARRAY['queue'::text, 'work'::text, 'people'::text, 'later'::text])))
);

CREATE TABLE holdgate.runs (
    id uuid NOT NULL,
    owner_id uuid NOT NULL,
    name text NOT NULL,
    state text DEFAULT 'active'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    settled_at timestamp with time zone,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    notified_at timestamp with time zone,
    opened bigint DEFAULT '0'::bigint NOT NULL,
    deleted_at timestamp with time zone,
    emptied_at timestamp with time zone,
    CONSTRAINT runs_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200))),
    CONSTRAINT runs_state_check CHECK ((state = ANY (ARRAY['active'::text, 'paused'::text, 'cancelled'::text])))
);

CREATE TABLE holdgate.saved_views (
    id uuid NOT NULL,
    owner_id uuid NOT NULL,
    name text NOT NULL,
    params text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT saved_views_name_check CHECK (((length(name) >= 1) AND (length(name) <= 60)))
);

CREATE TABLE holdgate.schedule_beats (
    schedule_id uuid NOT NULL,
    beat_at timestamp with time zone NOT NULL,
    taken_at timestamp with time zone DEFAULT now() NOT NULL,
    task_id uuid
);

CREATE TABLE holdgate.schedule_events (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    schedule_id uuid NOT NULL,
    name text NOT NULL,
    verb text NOT NULL,
    actor text NOT NULL,
    changed text
);

ALTER TABLE holdgate.schedule_events ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME holdgate.schedule_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE holdgate.schedules (
    id uuid NOT NULL,
    owner_id uuid NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    payload jsonb NOT NULL,
    queue text,
    priority smallint NOT NULL,
    cron text NOT NULL,
    zone text NOT NULL,
    missed text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    paused_at timestamp with time zone,
    paused_by text,
    next_at timestamp with time zone,
    last_at timestamp with time zone,
    last_task_id uuid,
    asked_at timestamp with time zone,
    problem text,
    retry_at timestamp with time zone,
    token_id uuid,
    CONSTRAINT schedules_missed_check CHECK ((missed = ANY (ARRAY['catch_up'::text, 'skip'::text]))),
    CONSTRAINT schedules_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200))),
    CONSTRAINT schedules_paused_check CHECK (((paused_at IS NULL) = (paused_by IS NULL))),
    CONSTRAINT schedules_priority_check CHECK (((priority >= 0) AND (priority <= 1000)))
);

CREATE TABLE holdgate.sessions (
    token_hash bytea NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    address text DEFAULT ''::text NOT NULL,
    user_agent text DEFAULT ''::text NOT NULL
);

CREATE TABLE holdgate.task_counts (
    owner_id uuid,
    run_id uuid,
    queue text NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    n bigint NOT NULL
);

CREATE TABLE holdgate.task_log (
    xid xid8 NOT NULL,
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    since timestamp with time zone,
    task_id uuid NOT NULL,
    lane integer NOT NULL,
    attempt integer NOT NULL,
    actor integer NOT NULL,
    from_state holdgate.task_state,
    to_state holdgate.task_state,
    verb holdgate.task_verb NOT NULL,
    reason text,
    data jsonb,
    fingerprint text
);

CREATE VIEW holdgate.task_events AS
 SELECT e.id,
    e.xid,
    e.at,
    e.since,
    e.task_id,
    l.run_id,
    l.owner_id,
    l.queue,
    l.kind,
    (e.verb)::text AS verb,
    (e.from_state)::text AS from_state,
    (e.to_state)::text AS to_state,
    a.name AS actor,
    e.actor AS actor_id,
    e.attempt,
    e.reason,
    e.data,
    e.fingerprint
   FROM ((holdgate.task_log e
     LEFT JOIN holdgate.lanes l ON ((l.id = e.lane)))
     LEFT JOIN holdgate.actors a ON ((a.id = e.actor)));

CREATE TABLE holdgate.task_keys (
    kind text NOT NULL,
    owner_id uuid NOT NULL,
    key text NOT NULL,
    task_id uuid NOT NULL,
    expires_at timestamp with time zone
);

ALTER TABLE holdgate.task_log ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME holdgate.task_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE holdgate.task_minutes (
    owner_id uuid,
    span smallint NOT NULL,
    minute timestamp with time zone NOT NULL,
    queue text NOT NULL,
    kind text NOT NULL,
    outcome text NOT NULL,
    n bigint NOT NULL,
    wait numeric NOT NULL,
    work numeric NOT NULL,
    people numeric NOT NULL
);

CREATE TABLE holdgate.task_words (
    task_id uuid NOT NULL,
    words tsvector NOT NULL
);

CREATE VIEW holdgate.task_search AS
 SELECT task_words.task_id,
    task_words.words
   FROM holdgate.task_words
UNION ALL
 SELECT u.task_id,
    u.words
   FROM holdgate.holdgate_unindexed() u(task_id, words);

CREATE TABLE holdgate.task_stays (
    owner_id uuid,
    span smallint NOT NULL,
    minute timestamp with time zone NOT NULL,
    kind text NOT NULL,
    stage text NOT NULL,
    buckets smallint[] NOT NULL,
    counts bigint[] NOT NULL,
    CONSTRAINT task_stays_stage_check CHECK ((stage = ANY (ARRAY['queue'::text, 'work'::text, 'people'::text])))
);

CREATE TABLE holdgate.task_steps (
    task_id uuid NOT NULL,
    name text NOT NULL,
    attempt integer NOT NULL,
    result json NOT NULL,
    finished_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE holdgate.task_totals (
    owner_id uuid,
    queue text NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    n bigint NOT NULL
);

CREATE TABLE holdgate.task_transitions (
    from_state text NOT NULL,
    to_state text NOT NULL,
    verb text NOT NULL,
    usual boolean NOT NULL
);

CREATE TABLE holdgate.tasks (
    id uuid NOT NULL,
    "position" bigint DEFAULT ((EXTRACT(epoch FROM clock_timestamp()) * (1000000)::numeric))::bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    queued_at timestamp with time zone DEFAULT now() NOT NULL,
    lane integer NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    priority smallint DEFAULT '50'::smallint NOT NULL,
    failures smallint DEFAULT '0'::smallint NOT NULL,
    max_attempts smallint DEFAULT '3'::smallint NOT NULL,
    lease_losses smallint DEFAULT '0'::smallint NOT NULL,
    round smallint DEFAULT '0'::smallint NOT NULL,
    limited boolean DEFAULT false NOT NULL,
    state text DEFAULT 'queued'::text NOT NULL,
    queue text NOT NULL,
    kind text NOT NULL,
    title text DEFAULT ''::text NOT NULL,
    payload jsonb DEFAULT '{}'::jsonb NOT NULL,
    run_id uuid,
    owner_id uuid,
    worker_id uuid,
    claimed_at timestamp with time zone,
    started_at timestamp with time zone,
    lease_expires_at timestamp with time zone,
    finished_at timestamp with time zone,
    run_at timestamp with time zone,
    deadline_at timestamp with time zone,
    subject text,
    traceparent text DEFAULT NULLIF(current_setting('holdgate.traceparent'::text, true), ''::text),
    reason text,
    result jsonb,
    progress jsonb,
    error jsonb,
    fingerprint text,
    resolved_at timestamp with time zone,
    resolved_by text,
    resolution text,
    CONSTRAINT tasks_counters_check CHECK ((LEAST(attempt, (failures)::integer, (lease_losses)::integer, (round)::integer) >= 0)),
    CONSTRAINT tasks_deadline_at_check CHECK (((deadline_at >= '0001-01-02 00:00:00+00'::timestamp with time zone) AND (deadline_at <= '9999-12-30 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT tasks_due_check CHECK (((state <> ALL (ARRAY['scheduled'::text, 'retrying'::text])) OR (run_at IS NOT NULL))),
    CONSTRAINT tasks_finished_check CHECK (((state = ANY (ARRAY['succeeded'::text, 'dead_letter'::text, 'rejected'::text, 'expired'::text, 'cancelled'::text])) = (finished_at IS NOT NULL))),
    CONSTRAINT tasks_lease_check CHECK (((state = 'running'::text) = (lease_expires_at IS NOT NULL))),
    CONSTRAINT tasks_max_attempts_check CHECK ((max_attempts >= 1)),
    CONSTRAINT tasks_priority_check CHECK (((priority >= 0) AND (priority <= 1000))),
    CONSTRAINT tasks_resolved_check CHECK (((resolved_at IS NULL) OR (state = 'dead_letter'::text))),
    CONSTRAINT tasks_run_at_check CHECK (((run_at >= '0001-01-02 00:00:00+00'::timestamp with time zone) AND (run_at <= '9999-12-30 00:00:00+00'::timestamp with time zone)))
)
WITH (fillfactor='80');

CREATE TABLE holdgate.users (
    id uuid NOT NULL,
    email text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    role text DEFAULT 'member'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    signed_in_at timestamp with time zone,
    disabled_at timestamp with time zone,
    erased_at timestamp with time zone,
    time_zone text,
    run_notices boolean DEFAULT true NOT NULL,
    shortcuts boolean DEFAULT true NOT NULL,
    emails_until timestamp with time zone,
    CONSTRAINT users_email_check CHECK (((email ~~ '%_@_%'::text) AND (length(email) <= 254))),
    CONSTRAINT users_role_check CHECK ((role = ANY (ARRAY['member'::text, 'admin'::text])))
);

CREATE TABLE holdgate.watched_boards (
    owner_id uuid NOT NULL,
    watch text NOT NULL,
    etag text DEFAULT ''::text NOT NULL,
    modified text DEFAULT ''::text NOT NULL,
    checked_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE holdgate.webhook_deliveries (
    id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    task_id uuid NOT NULL,
    type text NOT NULL,
    body text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    tried_at timestamp with time zone,
    status smallint,
    took interval,
    problem text,
    delivered_at timestamp with time zone
);

CREATE TABLE holdgate.webhook_endpoints (
    id uuid NOT NULL,
    owner_id uuid NOT NULL,
    url text NOT NULL,
    events jsonb NOT NULL,
    everyone boolean DEFAULT false NOT NULL,
    secret text NOT NULL,
    old_secret text,
    old_secret_until timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    disabled_at timestamp with time zone,
    disabled_reason text,
    failures integer DEFAULT 0 NOT NULL,
    failing_since timestamp with time zone,
    token_id uuid,
    task_id uuid,
    CONSTRAINT webhook_endpoints_disabled_check CHECK (((disabled_at IS NULL) = (disabled_reason IS NULL))),
    CONSTRAINT webhook_endpoints_failing_check CHECK (((failures > 0) = (failing_since IS NOT NULL))),
    CONSTRAINT webhook_endpoints_old_check CHECK (((old_secret IS NULL) = (old_secret_until IS NULL)))
);

CREATE TABLE holdgate.workers (
    id uuid NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    queues jsonb NOT NULL,
    kinds jsonb,
    in_hand integer DEFAULT 0 NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL,
    swept_at timestamp with time zone,
    draining boolean DEFAULT false NOT NULL,
    version text,
    memory bigint,
    cpu double precision,
    locks boolean DEFAULT false NOT NULL,
    missed_at timestamp with time zone
);

CREATE TABLE holdgate.working_times (
    user_id uuid NOT NULL,
    days smallint[] NOT NULL,
    starts time without time zone NOT NULL,
    ends time without time zone NOT NULL,
    zone text NOT NULL,
    quiet boolean DEFAULT false NOT NULL,
    holidays text DEFAULT ''::text NOT NULL,
    CONSTRAINT working_times_days_check CHECK (((cardinality(days) >= 1) AND (days <@ '{1,2,3,4,5,6,7}'::smallint[]))),
    CONSTRAINT working_times_ends_check CHECK ((ends > starts))
);

ALTER TABLE ONLY holdgate.absences
    ADD CONSTRAINT absences_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.actors
    ADD CONSTRAINT actors_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.alarms
    ADD CONSTRAINT alarms_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.answer_counts
    ADD CONSTRAINT answer_counts_pkey PRIMARY KEY (kind, group_name, event);

ALTER TABLE ONLY holdgate.answer_notes
    ADD CONSTRAINT answer_notes_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.answer_times
    ADD CONSTRAINT answer_times_pkey PRIMARY KEY (kind, group_name, bucket);

ALTER TABLE ONLY holdgate.api_replies
    ADD CONSTRAINT api_replies_pkey PRIMARY KEY (user_id, key);

ALTER TABLE ONLY holdgate.api_tokens
    ADD CONSTRAINT api_tokens_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.application_files
    ADD CONSTRAINT application_files_pkey PRIMARY KEY (owner_id, sha256);

ALTER TABLE ONLY holdgate.applications
    ADD CONSTRAINT applications_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.approval_digest_links
    ADD CONSTRAINT approval_digest_links_pkey PRIMARY KEY (token_hash);

ALTER TABLE ONLY holdgate.approval_digests
    ADD CONSTRAINT approval_digests_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.approval_events
    ADD CONSTRAINT approval_events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.approval_links
    ADD CONSTRAINT approval_links_pkey PRIMARY KEY (token_hash);

ALTER TABLE ONLY holdgate.approval_notes
    ADD CONSTRAINT approval_notes_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.approval_openings
    ADD CONSTRAINT approval_openings_pkey PRIMARY KEY (recipient_id, opener);

ALTER TABLE ONLY holdgate.approval_recipients
    ADD CONSTRAINT approval_recipients_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.approval_turns
    ADD CONSTRAINT approval_turns_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.approval_uploads
    ADD CONSTRAINT approval_uploads_pkey PRIMARY KEY (artifact_id);

ALTER TABLE ONLY holdgate.approval_votes
    ADD CONSTRAINT approval_votes_approval_person_key UNIQUE (approval_id, person);

ALTER TABLE ONLY holdgate.approval_votes
    ADD CONSTRAINT approval_votes_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.approvals
    ADD CONSTRAINT approvals_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.artifacts
    ADD CONSTRAINT artifacts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.artifacts
    ADD CONSTRAINT artifacts_task_name_key UNIQUE (task_id, name);

ALTER TABLE ONLY holdgate.attempt_lines
    ADD CONSTRAINT attempt_lines_pkey PRIMARY KEY (task_id, attempt);

ALTER TABLE ONLY holdgate.audit_events
    ADD CONSTRAINT audit_events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.board_hosts
    ADD CONSTRAINT board_hosts_pkey PRIMARY KEY (host);

ALTER TABLE ONLY holdgate.bulk_actions
    ADD CONSTRAINT bulk_actions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.bulk_events
    ADD CONSTRAINT bulk_events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.bulk_tasks
    ADD CONSTRAINT bulk_tasks_pkey PRIMARY KEY (action_id, task_id);

ALTER TABLE ONLY holdgate.column_choices
    ADD CONSTRAINT column_choices_pkey PRIMARY KEY (owner_id, header);

ALTER TABLE ONLY holdgate.distinct_postings
    ADD CONSTRAINT distinct_postings_pkey PRIMARY KEY (first_id, second_id);

ALTER TABLE ONLY holdgate.doctor_notices
    ADD CONSTRAINT doctor_notices_pkey PRIMARY KEY ("check");

ALTER TABLE ONLY holdgate.erasures
    ADD CONSTRAINT erasures_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.error_mutes
    ADD CONSTRAINT error_mutes_pkey PRIMARY KEY (owner_id, digest);

ALTER TABLE ONLY holdgate.group_members
    ADD CONSTRAINT group_members_pkey PRIMARY KEY (group_name, email);

ALTER TABLE ONLY holdgate.groups
    ADD CONSTRAINT groups_pkey PRIMARY KEY (name);

ALTER TABLE ONLY holdgate.kind_limit_events
    ADD CONSTRAINT kind_limit_events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.kind_limits
    ADD CONSTRAINT kind_limits_pkey PRIMARY KEY (kind);

ALTER TABLE ONLY holdgate.lanes
    ADD CONSTRAINT lanes_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.log_followers
    ADD CONSTRAINT log_followers_pkey PRIMARY KEY (name);

ALTER TABLE ONLY holdgate.login_links
    ADD CONSTRAINT login_links_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.mailbox_messages
    ADD CONSTRAINT mailbox_messages_message_id_key UNIQUE (message_id);

ALTER TABLE ONLY holdgate.mailbox_messages
    ADD CONSTRAINT mailbox_messages_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.orphans
    ADD CONSTRAINT orphans_pkey PRIMARY KEY (queue, kind);

ALTER TABLE ONLY holdgate.person_times
    ADD CONSTRAINT person_times_pkey PRIMARY KEY (person, month, bucket);

ALTER TABLE ONLY holdgate.posting_imports
    ADD CONSTRAINT posting_imports_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.postings
    ADD CONSTRAINT postings_owner_canonical_url_key UNIQUE (owner_id, canonical_url);

ALTER TABLE ONLY holdgate.postings
    ADD CONSTRAINT postings_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.profiles
    ADD CONSTRAINT profiles_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY holdgate.program_requests
    ADD CONSTRAINT program_requests_pkey PRIMARY KEY (task_id);

ALTER TABLE ONLY holdgate.queue_depths
    ADD CONSTRAINT queue_depths_pkey PRIMARY KEY (span, minute, queue);

ALTER TABLE ONLY holdgate.queue_events
    ADD CONSTRAINT queue_events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.queues
    ADD CONSTRAINT queues_pkey PRIMARY KEY (name);

ALTER TABLE ONLY holdgate.resumes
    ADD CONSTRAINT resumes_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.retention_walks
    ADD CONSTRAINT retention_walks_pkey PRIMARY KEY (name);

ALTER TABLE ONLY holdgate.rollup
    ADD CONSTRAINT rollup_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.run_events
    ADD CONSTRAINT run_events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.run_minutes
    ADD CONSTRAINT run_minutes_pkey PRIMARY KEY (run_id, minute);

ALTER TABLE ONLY holdgate.run_times
    ADD CONSTRAINT run_times_pkey PRIMARY KEY (run_id, stage);

ALTER TABLE ONLY holdgate.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.saved_views
    ADD CONSTRAINT saved_views_owner_name_key UNIQUE (owner_id, name);

ALTER TABLE ONLY holdgate.saved_views
    ADD CONSTRAINT saved_views_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.schedule_beats
    ADD CONSTRAINT schedule_beats_pkey PRIMARY KEY (schedule_id, beat_at);

ALTER TABLE ONLY holdgate.schedule_events
    ADD CONSTRAINT schedule_events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.schedules
    ADD CONSTRAINT schedules_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.sessions
    ADD CONSTRAINT sessions_id_key UNIQUE (id);

ALTER TABLE ONLY holdgate.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (token_hash);

ALTER TABLE ONLY holdgate.task_keys
    ADD CONSTRAINT task_keys_pkey PRIMARY KEY (kind, owner_id, key);

ALTER TABLE ONLY holdgate.task_log
    ADD CONSTRAINT task_log_pkey PRIMARY KEY (xid, id);

ALTER TABLE ONLY holdgate.task_steps
    ADD CONSTRAINT task_steps_pkey PRIMARY KEY (task_id, name);

ALTER TABLE ONLY holdgate.task_transitions
    ADD CONSTRAINT task_transitions_pkey PRIMARY KEY (from_state, to_state, verb);

ALTER TABLE ONLY holdgate.task_words
    ADD CONSTRAINT task_words_pkey PRIMARY KEY (task_id);

ALTER TABLE ONLY holdgate.tasks
    ADD CONSTRAINT tasks_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.watched_boards
    ADD CONSTRAINT watched_boards_pkey PRIMARY KEY (owner_id, watch);

ALTER TABLE ONLY holdgate.webhook_deliveries
    ADD CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.webhook_endpoints
    ADD CONSTRAINT webhook_endpoints_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.workers
    ADD CONSTRAINT workers_pkey PRIMARY KEY (id);

ALTER TABLE ONLY holdgate.working_times
    ADD CONSTRAINT working_times_pkey PRIMARY KEY (user_id);

CREATE INDEX absences_user_idx ON holdgate.absences USING btree (user_id, ends_at);

CREATE INDEX actors_name_idx ON holdgate.actors USING btree (name);

CREATE INDEX alarms_next_at_idx ON holdgate.alarms USING btree (next_at);

CREATE INDEX alarms_owner_id_idx ON holdgate.alarms USING btree (owner_id);

CREATE INDEX api_replies_created_idx ON holdgate.api_replies USING btree (created_at);

CREATE UNIQUE INDEX api_tokens_token_hash_key ON holdgate.api_tokens USING btree (token_hash);

CREATE INDEX api_tokens_user_id_idx ON holdgate.api_tokens USING btree (user_id);

CREATE INDEX applications_host_idx ON holdgate.applications USING btree (owner_id, host, begun_at) WHERE (begun_at IS NOT NULL);

CREATE INDEX applications_owner_created_idx ON holdgate.applications USING btree (owner_id, created_at DESC, id DESC);

CREATE INDEX applications_owner_status_idx ON holdgate.applications USING btree (owner_id, status);

CREATE INDEX applications_posting_idx ON holdgate.applications USING btree (posting_id) WHERE (posting_id IS NOT NULL);

CREATE UNIQUE INDEX applications_task_key ON holdgate.applications USING btree (task_id) WHERE (task_id IS NOT NULL);

CREATE INDEX applications_unanswered_idx ON holdgate.applications USING btree (status_at) WHERE (status = 'sent'::text);

CREATE INDEX approval_digest_links_digest_idx ON holdgate.approval_digest_links USING btree (digest_id);

CREATE INDEX approval_digests_person_idx ON holdgate.approval_digests USING btree (person, created_at);

CREATE INDEX approval_events_approval_idx ON holdgate.approval_events USING btree (approval_id, id);

CREATE INDEX approval_events_at_idx ON holdgate.approval_events USING btree (at DESC, id DESC);

CREATE INDEX approval_events_recipient_idx ON holdgate.approval_events USING btree (recipient_id);

CREATE INDEX approval_links_recipient_id_idx ON holdgate.approval_links USING btree (recipient_id);

CREATE INDEX approval_notes_approval_idx ON holdgate.approval_notes USING btree (approval_id, asked_at);

CREATE UNIQUE INDEX approval_notes_open_key ON holdgate.approval_notes USING btree (approval_id) WHERE (ended_at IS NULL);

CREATE INDEX approval_notes_recipient_idx ON holdgate.approval_notes USING btree (recipient_id);

CREATE INDEX approval_openings_last_at_idx ON holdgate.approval_openings USING btree (last_at);

CREATE UNIQUE INDEX approval_recipients_approval_email_key ON holdgate.approval_recipients USING btree (approval_id, lower(email));

CREATE INDEX approval_recipients_asked_idx ON holdgate.approval_recipients USING btree (person, asked_at);

CREATE INDEX approval_recipients_digest_idx ON holdgate.approval_recipients USING btree (digest_id) WHERE (digest_id IS NOT NULL);

CREATE INDEX approval_recipients_email_idx ON holdgate.approval_recipients USING btree (lower(email));

CREATE UNIQUE INDEX approval_recipients_forwarded_key ON holdgate.approval_recipients USING btree (forwarded_from) WHERE (forwarded_from IS NOT NULL);

CREATE INDEX approval_recipients_open_idx ON holdgate.approval_recipients USING btree (person) WHERE (turn = 'open'::text);

CREATE INDEX approval_recipients_tell_idx ON holdgate.approval_recipients USING btree (tell_at) WHERE (tell_at IS NOT NULL);

CREATE INDEX approval_recipients_told_idx ON holdgate.approval_recipients USING btree (person, told_at) WHERE (told_at IS NOT NULL);

CREATE INDEX approval_recipients_undelivered_idx ON holdgate.approval_recipients USING btree (approval_id) WHERE (state = 'undelivered'::text);

CREATE INDEX approval_recipients_waiting_idx ON holdgate.approval_recipients USING btree (person, urgency DESC, asked_at, id) WHERE (turn = 'waiting'::text);

CREATE INDEX approval_uploads_approval_idx ON holdgate.approval_uploads USING btree (approval_id);

CREATE INDEX approvals_alike_idx ON holdgate.approvals USING btree (alike) WHERE ((state = 'pending'::text) AND (alike IS NOT NULL));

CREATE INDEX approvals_asker_idx ON holdgate.approvals USING btree (asker_id, created_at) WHERE (asker_id IS NOT NULL);

CREATE INDEX approvals_asker_open_idx ON holdgate.approvals USING btree (asker_id) WHERE ((state = 'pending'::text) AND (asker_id IS NOT NULL));

CREATE INDEX approvals_deadline_idx ON holdgate.approvals USING btree (expires_at) WHERE (state = 'pending'::text);

CREATE INDEX approvals_decided_idx ON holdgate.approvals USING btree (decided_at DESC) WHERE (state <> 'pending'::text);

CREATE INDEX approvals_inbox_idx ON holdgate.approvals USING btree (COALESCE(expires_at, '9000-01-01 00:00:00+00'::timestamp with time zone), id) WHERE (state = 'pending'::text);

CREATE UNIQUE INDEX approvals_open_key ON holdgate.approvals USING btree (task_id) WHERE (state = 'pending'::text);

CREATE INDEX approvals_open_since_idx ON holdgate.approvals USING btree (created_at) WHERE (state = 'pending'::text);

CREATE INDEX approvals_owner_idx ON holdgate.approvals USING btree (owner_id) WHERE (state <> 'pending'::text);

CREATE INDEX approvals_remind_idx ON holdgate.approvals USING btree (remind_at) WHERE ((state = 'pending'::text) AND (remind_at IS NOT NULL));

CREATE INDEX approvals_step_idx ON holdgate.approvals USING btree (task_id, step, round);

CREATE INDEX audit_events_at_idx ON holdgate.audit_events USING btree (at DESC, id DESC);

CREATE INDEX bulk_actions_created_idx ON holdgate.bulk_actions USING btree (created_at DESC, id DESC);

CREATE INDEX bulk_actions_due_idx ON holdgate.bulk_actions USING btree (due_at) WHERE (state = ANY (ARRAY['running'::text, 'waiting'::text]));

CREATE INDEX bulk_actions_owner_idx ON holdgate.bulk_actions USING btree (owner_id, created_at DESC, id DESC);

CREATE INDEX bulk_events_action_idx ON holdgate.bulk_events USING btree (action_id, id);

CREATE INDEX bulk_events_at_idx ON holdgate.bulk_events USING btree (at DESC, id DESC);

CREATE INDEX bulk_tasks_watch_idx ON holdgate.bulk_tasks USING btree (action_id, task_id) WHERE (watch IS NOT NULL);

CREATE INDEX distinct_postings_second_idx ON holdgate.distinct_postings USING btree (second_id);

CREATE UNIQUE INDEX erasures_address_key ON holdgate.erasures USING btree (address) WHERE (done_at IS NULL);

CREATE INDEX error_counts_owner_idx ON holdgate.error_counts USING btree (owner_id);

CREATE INDEX error_minutes_age_idx ON holdgate.error_minutes USING btree (span, minute);

CREATE UNIQUE INDEX error_minutes_key ON holdgate.error_minutes USING btree (owner_id, span, minute, fingerprint) NULLS NOT DISTINCT;

CREATE INDEX error_names_age_idx ON holdgate.error_names USING btree (last_at);

CREATE UNIQUE INDEX error_names_key ON holdgate.error_names USING btree (owner_id, fingerprint) NULLS NOT DISTINCT;

CREATE INDEX group_members_email_idx ON holdgate.group_members USING btree (email);

CREATE INDEX kind_limit_events_at_idx ON holdgate.kind_limit_events USING btree (at DESC, id DESC);

CREATE INDEX lanes_key_idx ON holdgate.lanes USING btree (kind, queue, run_id, owner_id);

CREATE INDEX login_links_email_idx ON holdgate.login_links USING btree (lower(email), created_at);

CREATE INDEX login_links_mailed_idx ON holdgate.login_links USING btree (created_at) WHERE mailed;

CREATE INDEX login_links_person_idx ON holdgate.login_links USING btree (person, created_at);

CREATE UNIQUE INDEX login_links_token_hash_key ON holdgate.login_links USING btree (token_hash);

CREATE INDEX mailbox_messages_at_idx ON holdgate.mailbox_messages USING btree (at DESC);

CREATE INDEX postings_applied_task_idx ON holdgate.postings USING btree (applied_task_id) WHERE (applied_task_id IS NOT NULL);

CREATE INDEX postings_board_idx ON holdgate.postings USING btree (owner_id, board) WHERE (board <> ''::text);

CREATE INDEX postings_duplicates_idx ON holdgate.postings USING btree (duplicate_of) WHERE (duplicate_of IS NOT NULL);

CREATE INDEX postings_likeness_idx ON holdgate.postings USING btree (owner_id, company_key, title_key) WHERE (company_key <> ''::text);

CREATE INDEX postings_owner_created_idx ON holdgate.postings USING btree (owner_id, created_at DESC, id DESC);

CREATE INDEX postings_words_idx ON holdgate.postings USING gin (words);

CREATE INDEX program_requests_calls_back_idx ON holdgate.program_requests USING btree (task_id) WHERE calls_back;

CREATE INDEX queue_events_at_idx ON holdgate.queue_events USING btree (at DESC, id DESC);

CREATE INDEX resumes_user_id_idx ON holdgate.resumes USING btree (user_id);

CREATE UNIQUE INDEX resumes_usual_key ON holdgate.resumes USING btree (user_id) WHERE usual;

CREATE INDEX run_events_at_idx ON holdgate.run_events USING btree (at DESC, id DESC);

CREATE INDEX run_events_run_id_idx ON holdgate.run_events USING btree (run_id, id);

CREATE INDEX run_events_xid_idx ON holdgate.run_events USING btree (xid);

CREATE INDEX run_minutes_minute_idx ON holdgate.run_minutes USING btree (minute);

CREATE INDEX runs_created_idx ON holdgate.runs USING btree (created_at DESC, id DESC);

CREATE INDEX runs_deleted_idx ON holdgate.runs USING btree (deleted_at) WHERE ((deleted_at IS NOT NULL) AND (emptied_at IS NULL));

CREATE INDEX runs_owner_created_idx ON holdgate.runs USING btree (owner_id, created_at DESC, id DESC);

CREATE INDEX runs_unsettled_idx ON holdgate.runs USING btree (changed_at) WHERE (settled_at IS NULL);

CREATE INDEX schedule_events_at_idx ON holdgate.schedule_events USING btree (at DESC, id DESC);

CREATE INDEX schedule_events_schedule_idx ON holdgate.schedule_events USING btree (schedule_id, id);

CREATE INDEX schedules_created_idx ON holdgate.schedules USING btree (created_at DESC, id DESC);

CREATE INDEX schedules_due_idx ON holdgate.schedules USING btree (next_at) WHERE (paused_at IS NULL);

CREATE INDEX schedules_owner_created_idx ON holdgate.schedules USING btree (owner_id, created_at DESC, id DESC);

CREATE INDEX sessions_user_id_idx ON holdgate.sessions USING btree (user_id);

CREATE UNIQUE INDEX task_counts_key ON holdgate.task_counts USING btree (owner_id, run_id, queue, kind, state) NULLS NOT DISTINCT;

CREATE INDEX task_counts_run_idx ON holdgate.task_counts USING btree (run_id);

CREATE INDEX task_keys_task_idx ON holdgate.task_keys USING btree (task_id);

CREATE INDEX task_log_actor_idx ON holdgate.task_log USING btree (actor, at, id) WHERE (actor < 0);

CREATE INDEX task_log_deleted_idx ON holdgate.task_log USING btree (at) WHERE (to_state IS NULL);

CREATE INDEX task_log_people_idx ON holdgate.task_log USING btree (at, id) WHERE (actor < 0);

CREATE INDEX task_log_task_idx ON holdgate.task_log USING btree (task_id);

CREATE INDEX task_minutes_age_idx ON holdgate.task_minutes USING btree (span, minute);

CREATE UNIQUE INDEX task_minutes_key ON holdgate.task_minutes USING btree (owner_id, span, minute, queue, kind, outcome) NULLS NOT DISTINCT;

CREATE INDEX task_stays_age_idx ON holdgate.task_stays USING btree (span, minute);

CREATE UNIQUE INDEX task_stays_key ON holdgate.task_stays USING btree (owner_id, span, minute, kind, stage) NULLS NOT DISTINCT;

CREATE UNIQUE INDEX task_totals_key ON holdgate.task_totals USING btree (owner_id, queue, kind, state) NULLS NOT DISTINCT;

CREATE UNIQUE INDEX task_transitions_usual_key ON holdgate.task_transitions USING btree (from_state, to_state) WHERE usual;

CREATE INDEX task_words_idx ON holdgate.task_words USING gin (words);

CREATE INDEX tasks_deadline_idx ON holdgate.tasks USING btree (deadline_at) WHERE ((deadline_at IS NOT NULL) AND (finished_at IS NULL));

CREATE INDEX tasks_died_idx ON holdgate.tasks USING btree (fingerprint, finished_at, id) WHERE ((state = 'dead_letter'::text) AND (fingerprint IS NOT NULL) AND (resolved_at IS NULL));

CREATE INDEX tasks_died_of_owner_idx ON holdgate.tasks USING btree (owner_id, fingerprint, finished_at, id) WHERE ((state = 'dead_letter'::text) AND (fingerprint IS NOT NULL) AND (resolved_at IS NULL));

CREATE INDEX tasks_due_idx ON holdgate.tasks USING btree (run_at) WHERE (state = ANY (ARRAY['scheduled'::text, 'retrying'::text]));

CREATE INDEX tasks_fingerprint_idx ON holdgate.tasks USING btree (fingerprint, id DESC) INCLUDE (state, owner_id, finished_at, resolved_at) WHERE (fingerprint IS NOT NULL);

CREATE INDEX tasks_limited_idx ON holdgate.tasks USING btree (kind, queue, priority DESC, "position") WHERE (((state || ''::text) = 'queued'::text) AND limited);

CREATE INDEX tasks_limited_running_idx ON holdgate.tasks USING btree (kind) WHERE ((state = 'running'::text) AND limited);

CREATE INDEX tasks_limited_share_idx ON holdgate.tasks USING btree (kind, COALESCE(run_id, owner_id, '00000000-0000-0000-0000-000000000000'::uuid), queue, priority, (("position" + 0))) WHERE ((state = 'queued'::text) AND limited);

CREATE INDEX tasks_nameless_idx ON holdgate.tasks USING btree (id) WHERE ((state = 'dead_letter'::text) AND (fingerprint IS NULL));

CREATE INDEX tasks_open_errors_idx ON holdgate.tasks USING btree (fingerprint, id DESC) INCLUDE (state, owner_id, finished_at) WHERE ((fingerprint IS NOT NULL) AND (resolved_at IS NULL));

CREATE INDEX tasks_owner_idx ON holdgate.tasks USING btree (owner_id, id) WHERE (owner_id IS NOT NULL);

CREATE INDEX tasks_ready_idx ON holdgate.tasks USING btree (queue, priority DESC, "position") WHERE (((state || ''::text) = 'queued'::text) AND (NOT limited));

CREATE INDEX tasks_run_state_idx ON holdgate.tasks USING btree (run_id, state) WHERE (run_id IS NOT NULL);

CREATE UNIQUE INDEX tasks_run_subject_key ON holdgate.tasks USING btree (run_id, subject) WHERE (run_id IS NOT NULL);

CREATE INDEX tasks_running_idx ON holdgate.tasks USING btree (id) WHERE (state = 'running'::text);

CREATE INDEX tasks_share_idx ON holdgate.tasks USING btree (COALESCE(run_id, owner_id, '00000000-0000-0000-0000-000000000000'::uuid), queue, priority, (("position" + 0))) WHERE ((state = 'queued'::text) AND (NOT limited));

CREATE INDEX tasks_state_idx ON holdgate.tasks USING btree (state, id) WHERE (state <> ALL (ARRAY['running'::text, 'succeeded'::text]));

CREATE INDEX tasks_subject_idx ON holdgate.tasks USING btree (subject) WHERE (subject IS NOT NULL);

CREATE INDEX tasks_suspects_idx ON holdgate.tasks USING btree (queue, priority DESC, "position") WHERE ((state = 'queued'::text) AND (lease_losses > 0));

CREATE INDEX tasks_waiting_idx ON holdgate.tasks USING btree (queue, queued_at) WHERE (state = 'queued'::text);

CREATE UNIQUE INDEX users_email_key ON holdgate.users USING btree (lower(email));

CREATE INDEX webhook_deliveries_endpoint_idx ON holdgate.webhook_deliveries USING btree (endpoint_id, id DESC);

CREATE INDEX webhook_deliveries_task_id_idx ON holdgate.webhook_deliveries USING btree (task_id);

CREATE INDEX webhook_endpoints_owner_id_idx ON holdgate.webhook_endpoints USING btree (owner_id);

CREATE UNIQUE INDEX webhook_endpoints_task_id_key ON holdgate.webhook_endpoints USING btree (task_id) WHERE (task_id IS NOT NULL);

CREATE TRIGGER absences_audit AFTER INSERT OR DELETE ON holdgate.absences FOR EACH ROW EXECUTE FUNCTION holdgate.absences_audit();

CREATE TRIGGER answer_notes_ask AFTER INSERT ON holdgate.approval_recipients REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION holdgate.answer_notes_ask();

CREATE TRIGGER answer_notes_expire AFTER UPDATE OF state ON holdgate.approvals FOR EACH ROW WHEN (((new.state = 'expired'::text) AND (old.state <> 'expired'::text))) EXECUTE FUNCTION holdgate.answer_notes_expire();

CREATE TRIGGER answer_notes_mail AFTER UPDATE OF state ON holdgate.approval_recipients FOR EACH ROW WHEN (((old.state <> new.state) AND (new.state = ANY (ARRAY['sent'::text, 'undelivered'::text])))) EXECUTE FUNCTION holdgate.answer_notes_mail();

CREATE TRIGGER answer_notes_vote AFTER INSERT ON holdgate.approval_votes FOR EACH ROW EXECUTE FUNCTION holdgate.answer_notes_vote();

CREATE TRIGGER api_tokens_audit AFTER INSERT OR DELETE OR UPDATE OF trusted_by ON holdgate.api_tokens FOR EACH ROW EXECUTE FUNCTION holdgate.api_tokens_audit();

CREATE TRIGGER applications_elsewhere AFTER INSERT OR UPDATE OF applied_at, tracker_status ON holdgate.postings FOR EACH ROW WHEN ((new.applied_at IS NOT NULL)) EXECUTE FUNCTION holdgate.applications_elsewhere();

CREATE TRIGGER applications_resolved AFTER UPDATE OF resolved_at ON holdgate.tasks FOR EACH ROW WHEN (((old.resolved_at IS NULL) AND (new.resolved_at IS NOT NULL) AND (new.kind = 'application.submit'::text))) EXECUTE FUNCTION holdgate.applications_resolved();

CREATE TRIGGER approvals_line_up AFTER INSERT ON holdgate.approval_recipients REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION holdgate.approvals_line_up();

CREATE TRIGGER approvals_make_room AFTER UPDATE ON holdgate.approvals REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION holdgate.approvals_make_room();

CREATE TRIGGER approvals_quorum BEFORE UPDATE OF state ON holdgate.approvals FOR EACH ROW WHEN (((new.state = 'approved'::text) AND (old.state <> 'approved'::text) AND (new.needed > 1))) EXECUTE FUNCTION holdgate.approvals_quorum();

CREATE TRIGGER approvals_vote_room AFTER INSERT OR DELETE ON holdgate.approval_votes FOR EACH ROW EXECUTE FUNCTION holdgate.approvals_vote_room();

CREATE TRIGGER bulk_actions_log AFTER INSERT OR UPDATE ON holdgate.bulk_actions FOR EACH ROW EXECUTE FUNCTION holdgate.bulk_actions_log();

CREATE TRIGGER erasures_audit AFTER INSERT ON holdgate.erasures FOR EACH ROW EXECUTE FUNCTION holdgate.erasures_audit();

CREATE TRIGGER group_members_added AFTER INSERT ON holdgate.group_members REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION holdgate.group_members_audit();

CREATE TRIGGER group_members_removed AFTER DELETE ON holdgate.group_members REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION holdgate.group_members_audit();

CREATE TRIGGER groups_audit AFTER INSERT OR DELETE OR UPDATE OF description ON holdgate.groups FOR EACH ROW EXECUTE FUNCTION holdgate.groups_audit();

CREATE TRIGGER kind_limits_log AFTER INSERT OR UPDATE OF concurrency, rate_count, rate_per, set_by ON holdgate.kind_limits FOR EACH ROW EXECUTE FUNCTION holdgate.kind_limits_log();

CREATE TRIGGER login_links_audit AFTER INSERT ON holdgate.login_links FOR EACH ROW WHEN (((new.token_hash IS NOT NULL) AND (new.browser_hash IS NULL))) EXECUTE FUNCTION holdgate.login_links_audit();

CREATE TRIGGER queues_log AFTER INSERT OR UPDATE ON holdgate.queues FOR EACH ROW EXECUTE FUNCTION holdgate.queues_log();

CREATE TRIGGER runs_log AFTER INSERT OR UPDATE OF state, finished_at, deleted_at ON holdgate.runs FOR EACH ROW EXECUTE FUNCTION holdgate.runs_log();

CREATE TRIGGER schedules_log AFTER INSERT OR DELETE OR UPDATE ON holdgate.schedules FOR EACH ROW EXECUTE FUNCTION holdgate.schedules_log();

CREATE TRIGGER sessions_audit AFTER INSERT ON holdgate.sessions FOR EACH ROW EXECUTE FUNCTION holdgate.sessions_audit();

CREATE TRIGGER task_counts_add AFTER INSERT ON holdgate.task_counts REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION holdgate.task_counts_add();

CREATE TRIGGER task_counts_change AFTER UPDATE ON holdgate.task_counts REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION holdgate.task_counts_change();

CREATE TRIGGER task_log_immutable BEFORE UPDATE ON holdgate.task_log FOR EACH STATEMENT EXECUTE FUNCTION holdgate.task_log_immutable();

CREATE TRIGGER tasks_close_approvals AFTER UPDATE ON holdgate.tasks REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION holdgate.approvals_close_with_hold();

CREATE TRIGGER tasks_errors_change AFTER UPDATE ON holdgate.tasks REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION holdgate.tasks_errors_change();

CREATE TRIGGER tasks_errors_delete AFTER DELETE ON holdgate.tasks REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION holdgate.tasks_errors_delete();

CREATE TRIGGER tasks_lane BEFORE INSERT ON holdgate.tasks FOR EACH ROW WHEN ((new.lane IS NULL)) EXECUTE FUNCTION holdgate.tasks_lane();

CREATE TRIGGER tasks_log_delete AFTER DELETE ON holdgate.tasks REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION holdgate.tasks_log_delete();

CREATE TRIGGER tasks_log_insert AFTER INSERT ON holdgate.tasks REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION holdgate.tasks_log_insert();

CREATE TRIGGER tasks_log_update AFTER UPDATE ON holdgate.tasks REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION holdgate.tasks_log_update();

CREATE TRIGGER tasks_withdraw_approvals AFTER UPDATE OF payload ON holdgate.tasks FOR EACH ROW WHEN ((old.payload IS DISTINCT FROM new.payload)) EXECUTE FUNCTION holdgate.approvals_withdraw();

CREATE TRIGGER tasks_words_change AFTER UPDATE OF title, payload, queue ON holdgate.tasks FOR EACH ROW WHEN (((old.title IS DISTINCT FROM new.title) OR (old.payload IS DISTINCT FROM new.payload) OR (old.queue <> new.queue))) EXECUTE FUNCTION holdgate.tasks_words_change();

CREATE TRIGGER tasks_words_delete AFTER DELETE ON holdgate.tasks REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION holdgate.tasks_words_delete();

CREATE TRIGGER users_audit AFTER INSERT OR UPDATE OF role, disabled_at ON holdgate.users FOR EACH ROW EXECUTE FUNCTION holdgate.users_audit();

CREATE TRIGGER webhook_endpoints_audit AFTER INSERT OR DELETE OR UPDATE OF url, events, everyone, secret, disabled_at ON holdgate.webhook_endpoints FOR EACH ROW EXECUTE FUNCTION holdgate.webhook_endpoints_audit();

ALTER TABLE ONLY holdgate.absences
    ADD CONSTRAINT absences_user_id_fkey FOREIGN KEY (user_id) REFERENCES holdgate.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.alarms
    ADD CONSTRAINT alarms_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES holdgate.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.api_replies
    ADD CONSTRAINT api_replies_user_id_fkey FOREIGN KEY (user_id) REFERENCES holdgate.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.api_tokens
    ADD CONSTRAINT api_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES holdgate.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.application_files
    ADD CONSTRAINT application_files_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES holdgate.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.applications
    ADD CONSTRAINT applications_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES holdgate.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.applications
    ADD CONSTRAINT applications_posting_id_fkey FOREIGN KEY (posting_id) REFERENCES holdgate.postings(id) ON DELETE SET NULL;

ALTER TABLE ONLY holdgate.applications
    ADD CONSTRAINT applications_task_id_fkey FOREIGN KEY (task_id) REFERENCES holdgate.tasks(id) ON DELETE SET NULL;

ALTER TABLE ONLY holdgate.approval_digest_links
    ADD CONSTRAINT approval_digest_links_digest_id_fkey FOREIGN KEY (digest_id) REFERENCES holdgate.approval_digests(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.approval_events
    ADD CONSTRAINT approval_events_approval_id_fkey FOREIGN KEY (approval_id) REFERENCES holdgate.approvals(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.approval_events
    ADD CONSTRAINT approval_events_recipient_id_fkey FOREIGN KEY (recipient_id) REFERENCES holdgate.approval_recipients(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.approval_links
    ADD CONSTRAINT approval_links_recipient_id_fkey FOREIGN KEY (recipient_id) REFERENCES holdgate.approval_recipients(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.approval_notes
    ADD CONSTRAINT approval_notes_approval_id_fkey FOREIGN KEY (approval_id) REFERENCES holdgate.approvals(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.approval_notes
    ADD CONSTRAINT approval_notes_recipient_id_fkey FOREIGN KEY (recipient_id) REFERENCES holdgate.approval_recipients(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.approval_openings
    ADD CONSTRAINT approval_openings_recipient_id_fkey FOREIGN KEY (recipient_id) REFERENCES holdgate.approval_recipients(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.approval_recipients
    ADD CONSTRAINT approval_recipients_approval_id_fkey FOREIGN KEY (approval_id) REFERENCES holdgate.approvals(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.approval_recipients
    ADD CONSTRAINT approval_recipients_digest_id_fkey FOREIGN KEY (digest_id) REFERENCES holdgate.approval_digests(id) ON DELETE SET NULL;

ALTER TABLE ONLY holdgate.approval_recipients
    ADD CONSTRAINT approval_recipients_forwarded_from_fkey FOREIGN KEY (forwarded_from) REFERENCES holdgate.approval_recipients(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.approval_uploads
    ADD CONSTRAINT approval_uploads_approval_id_fkey FOREIGN KEY (approval_id) REFERENCES holdgate.approvals(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.approval_uploads
    ADD CONSTRAINT approval_uploads_artifact_id_fkey FOREIGN KEY (artifact_id) REFERENCES holdgate.artifacts(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.approval_votes
    ADD CONSTRAINT approval_votes_approval_id_fkey FOREIGN KEY (approval_id) REFERENCES holdgate.approvals(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.approvals
    ADD CONSTRAINT approvals_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES holdgate.users(id);

ALTER TABLE ONLY holdgate.approvals
    ADD CONSTRAINT approvals_task_id_fkey FOREIGN KEY (task_id) REFERENCES holdgate.tasks(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.artifacts
    ADD CONSTRAINT artifacts_task_id_fkey FOREIGN KEY (task_id) REFERENCES holdgate.tasks(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.attempt_lines
    ADD CONSTRAINT attempt_lines_task_id_fkey FOREIGN KEY (task_id) REFERENCES holdgate.tasks(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.bulk_actions
    ADD CONSTRAINT bulk_actions_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES holdgate.users(id);

ALTER TABLE ONLY holdgate.bulk_events
    ADD CONSTRAINT bulk_events_action_id_fkey FOREIGN KEY (action_id) REFERENCES holdgate.bulk_actions(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.bulk_tasks
    ADD CONSTRAINT bulk_tasks_action_id_fkey FOREIGN KEY (action_id) REFERENCES holdgate.bulk_actions(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.column_choices
    ADD CONSTRAINT column_choices_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES holdgate.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.distinct_postings
    ADD CONSTRAINT distinct_postings_first_id_fkey FOREIGN KEY (first_id) REFERENCES holdgate.postings(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.distinct_postings
    ADD CONSTRAINT distinct_postings_second_id_fkey FOREIGN KEY (second_id) REFERENCES holdgate.postings(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.error_mutes
    ADD CONSTRAINT error_mutes_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES holdgate.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.group_members
    ADD CONSTRAINT group_members_group_name_fkey FOREIGN KEY (group_name) REFERENCES holdgate.groups(name) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.posting_imports
    ADD CONSTRAINT posting_imports_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES holdgate.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.postings
    ADD CONSTRAINT postings_applied_task_id_fkey FOREIGN KEY (applied_task_id) REFERENCES holdgate.tasks(id) ON DELETE SET NULL;

ALTER TABLE ONLY holdgate.postings
    ADD CONSTRAINT postings_duplicate_of_fkey FOREIGN KEY (duplicate_of) REFERENCES holdgate.postings(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.postings
    ADD CONSTRAINT postings_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES holdgate.users(id);

ALTER TABLE ONLY holdgate.profiles
    ADD CONSTRAINT profiles_user_id_fkey FOREIGN KEY (user_id) REFERENCES holdgate.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.program_requests
    ADD CONSTRAINT program_requests_task_id_fkey FOREIGN KEY (task_id) REFERENCES holdgate.tasks(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.resumes
    ADD CONSTRAINT resumes_user_id_fkey FOREIGN KEY (user_id) REFERENCES holdgate.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.run_events
    ADD CONSTRAINT run_events_run_id_fkey FOREIGN KEY (run_id) REFERENCES holdgate.runs(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.runs
    ADD CONSTRAINT runs_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES holdgate.users(id);

ALTER TABLE ONLY holdgate.saved_views
    ADD CONSTRAINT saved_views_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES holdgate.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.schedule_beats
    ADD CONSTRAINT schedule_beats_schedule_id_fkey FOREIGN KEY (schedule_id) REFERENCES holdgate.schedules(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.schedules
    ADD CONSTRAINT schedules_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES holdgate.users(id);

ALTER TABLE ONLY holdgate.sessions
    ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES holdgate.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.task_keys
    ADD CONSTRAINT task_keys_task_id_fkey FOREIGN KEY (task_id) REFERENCES holdgate.tasks(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY holdgate.task_steps
    ADD CONSTRAINT task_steps_task_id_fkey FOREIGN KEY (task_id) REFERENCES holdgate.tasks(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.tasks
    ADD CONSTRAINT tasks_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES holdgate.users(id);

ALTER TABLE ONLY holdgate.tasks
    ADD CONSTRAINT tasks_run_id_fkey FOREIGN KEY (run_id) REFERENCES holdgate.runs(id);

ALTER TABLE ONLY holdgate.watched_boards
    ADD CONSTRAINT watched_boards_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES holdgate.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.webhook_deliveries
    ADD CONSTRAINT webhook_deliveries_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES holdgate.webhook_endpoints(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.webhook_deliveries
    ADD CONSTRAINT webhook_deliveries_task_id_fkey FOREIGN KEY (task_id) REFERENCES holdgate.tasks(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.webhook_endpoints
    ADD CONSTRAINT webhook_endpoints_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES holdgate.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.webhook_endpoints
    ADD CONSTRAINT webhook_endpoints_task_id_fkey FOREIGN KEY (task_id) REFERENCES holdgate.tasks(id) ON DELETE CASCADE;

ALTER TABLE ONLY holdgate.working_times
    ADD CONSTRAINT working_times_user_id_fkey FOREIGN KEY (user_id) REFERENCES holdgate.users(id) ON DELETE CASCADE;

REVOKE ALL ON FUNCTION holdgate.enqueue_many(tasks jsonb, version integer) FROM PUBLIC;
