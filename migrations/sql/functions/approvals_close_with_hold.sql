-- A task that stops holding, by whichever statement, takes its open question with it. A decision has closed the
-- question before it moves the task, so this finds it closed. Locks run tasks first, approvals second.
CREATE OR REPLACE FUNCTION approvals_close_with_hold() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
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
