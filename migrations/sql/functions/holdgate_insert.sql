-- Puts tasks into their queues: of our own programs and, by enqueue_many, of everybody else's. The ordinal keeps the order of
-- one batch: its rows share now(), and each share and each lane is looked up once. A state is that of a paused run's tasks, or of
-- one that begins with its request; NULL: ready, or at its time. What is the same for all of a batch may be given once: an array
-- of one, or NULL.
CREATE OR REPLACE FUNCTION holdgate_insert(ids uuid[], kinds text[], payloads jsonb[], queues text[], priorities integer[], attempts integer[], titles text[], runs uuid[], owners uuid[], subjects text[], run_ats timestamp with time zone[], deadlines timestamp with time zone[], states text[], at_ timestamp with time zone) RETURNS void LANGUAGE plpgsql
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
