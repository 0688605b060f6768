CREATE OR REPLACE FUNCTION users_audit() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO audit_events (actor, area, verb, subject, subject_id, data)
    VALUES (holdgate_actor(), 'user', 'add', NEW.email, NEW.id, jsonb_build_object('role', NEW.role));
    RETURN NULL;
  END IF;
  IF NEW.role <> OLD.role THEN
    INSERT INTO audit_events (actor, area, verb, subject, subject_id, data)
    VALUES (holdgate_actor(), 'user', 'change_role', NEW.email, NEW.id,
            jsonb_build_object('from', OLD.role, 'to', NEW.role));
  END IF;
  IF (NEW.disabled_at IS NULL) <> (OLD.disabled_at IS NULL) THEN
    INSERT INTO audit_events (actor, area, verb, subject, subject_id)
    VALUES (holdgate_actor(), 'user', CASE WHEN NEW.disabled_at IS NULL THEN 'enable' ELSE 'disable' END,
            NEW.email, NEW.id);
  END IF;
  RETURN NULL;
END $$;
