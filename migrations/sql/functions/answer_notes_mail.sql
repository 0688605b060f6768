-- What became of a person's first email; a state that comes back is no news.
CREATE OR REPLACE FUNCTION answer_notes_mail() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  INSERT INTO answer_notes (kind, group_name, event, person)
  SELECT t.kind, coalesce(NEW.groups[1], ''), CASE NEW.state WHEN 'sent' THEN 'delivered' ELSE 'undelivered' END,
         NEW.email
  FROM approvals a JOIN tasks t ON t.id = a.task_id
  WHERE a.id = NEW.approval_id;
  RETURN NULL;
END $$;
