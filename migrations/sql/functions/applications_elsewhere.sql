-- A posting that is marked as applied to has an application: its own, or one that was made elsewhere. What a tracker
-- says came of it counts once: what a person has recorded here since stands until the tracker says something else.
CREATE OR REPLACE FUNCTION applications_elsewhere() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
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
