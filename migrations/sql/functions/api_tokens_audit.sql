CREATE OR REPLACE FUNCTION api_tokens_audit() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
DECLARE token record;
BEGIN
  IF TG_OP = 'INSERT' THEN token := NEW; ELSE token := OLD; END IF;
  INSERT INTO audit_events (actor, area, verb, subject, subject_id, data)
  VALUES (holdgate_actor(), 'token', CASE WHEN TG_OP = 'INSERT' THEN 'make' ELSE 'revoke' END, token.name, token.id,
          jsonb_build_object('of', (SELECT email FROM users WHERE id = token.user_id), 'scopes', token.scopes));
  RETURN NULL;
END $$;
