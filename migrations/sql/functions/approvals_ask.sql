-- Puts a request for a task: all that is written of it as one statement, which for a worker is a transaction of its own.
--
-- attempt_: of the worker that asks; its task holds from now on. NULL: the task holds already. before_: what the step has asked
-- last, as the caller knows it; replaces_: the decision on that counts no longer. mails_: one for each person who may be
-- told at once; of those who are it is enqueued. actor_, traceparent_: NULL where the transaction has said them.
--
-- The outcome is `lost` when the task is not that attempt's any more, and `unknown` when the step has asked something that
-- the caller does not know: then nothing is written. Else it is `asked`. Locks: the task, then its approvals.
CREATE OR REPLACE FUNCTION approvals_ask(attempt_ integer, request_ json, people_ json, told_ jsonb, mails_ json, before_ uuid, replaces_ boolean, few_ integer, actor_ text, traceparent_ text, OUT outcome text, OUT mailed boolean) RETURNS record LANGUAGE plpgsql
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
