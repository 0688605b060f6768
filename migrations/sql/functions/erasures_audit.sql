CREATE OR REPLACE FUNCTION erasures_audit() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  INSERT INTO audit_events (actor, area, verb, subject, subject_id)
  VALUES (holdgate_actor(), 'user', 'erase', NEW.pseudonym, NEW.user_id);
  RETURN NULL;
END $$;
