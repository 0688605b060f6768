-- Those who could have decided and let the time pass.
CREATE OR REPLACE FUNCTION answer_notes_expire() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
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
