-- Each person asked, and those whom no email is to be sent.
CREATE OR REPLACE FUNCTION answer_notes_ask() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
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
