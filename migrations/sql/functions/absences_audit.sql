-- Who is asked in whose place is a change of who decides.
CREATE OR REPLACE FUNCTION absences_audit() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
DECLARE
  absence record;
BEGIN
  IF TG_OP = 'DELETE' THEN absence := OLD; ELSE absence := NEW; END IF;
  -- What is forgotten long after its end is no news.
  IF TG_OP = 'DELETE' AND absence.ends_at < now() THEN RETURN NULL; END IF;
  INSERT INTO audit_events (actor, area, verb, subject, subject_id, data)
  SELECT holdgate_actor(), 'user', CASE TG_OP WHEN 'INSERT' THEN 'add_absence' ELSE 'remove_absence' END, u.email, u.id,
         jsonb_build_object('from', absence.starts_at, 'to', absence.ends_at, 'substitute', absence.substitute)
  FROM users u WHERE u.id = absence.user_id;
  RETURN NULL;
END $$;
