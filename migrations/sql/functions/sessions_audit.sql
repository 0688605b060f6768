CREATE OR REPLACE FUNCTION sessions_audit() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  INSERT INTO audit_events (actor, area, verb, subject, subject_id, data)
  SELECT 'user:' || u.email, 'user', 'sign_in', u.email, u.id,
         jsonb_build_object('address', NEW.address, 'browser', NEW.user_agent)
  FROM users u WHERE u.id = NEW.user_id;
  RETURN NULL;
END $$;
