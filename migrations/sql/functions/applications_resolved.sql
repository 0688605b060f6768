-- Whoever marks the dead letter of an application as resolved has applied by hand, unless it was put aside. The
-- application before its posting, for which applications_elsewhere makes one where none has been sent.
CREATE OR REPLACE FUNCTION applications_resolved() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
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
END $$;
