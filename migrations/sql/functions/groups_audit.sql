CREATE OR REPLACE FUNCTION groups_audit() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  INSERT INTO audit_events (actor, area, verb, subject)
  SELECT holdgate_actor(), 'group', CASE TG_OP WHEN 'INSERT' THEN 'add' WHEN 'DELETE' THEN 'remove' ELSE 'change' END,
         CASE TG_OP WHEN 'DELETE' THEN OLD.name ELSE NEW.name END
  WHERE TG_OP <> 'UPDATE' OR NEW.description <> OLD.description;
  RETURN NULL;
END $$;
