-- A link that nobody has asked for in a browser was made on the command line, and lets in whoever has it.
CREATE OR REPLACE FUNCTION login_links_audit() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  INSERT INTO audit_events (actor, area, verb, subject, subject_id)
  VALUES (holdgate_actor(), 'user', 'make_sign_in_link', NEW.email,
          (SELECT id FROM users WHERE lower(email) = lower(NEW.email)));
  RETURN NULL;
END $$;
