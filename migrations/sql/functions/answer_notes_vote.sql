-- How long a person took, from their own email, or from the first one where they had none.
CREATE OR REPLACE FUNCTION answer_notes_vote() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
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
