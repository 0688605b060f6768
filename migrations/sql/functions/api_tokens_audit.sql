CREATE OR REPLACE FUNCTION api_tokens_audit() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
DECLARE token record;
BEGIN
  IF TG_OP = 'DELETE' THEN token := OLD; ELSE token := NEW; END IF;
  INSERT INTO audit_events (actor, area, verb, subject, subject_id, data)
  VALUES (holdgate_actor(), 'token', CASE WHEN TG_OP = 'INSERT' THEN 'make' WHEN TG_OP = 'DELETE' THEN 'revoke'
                                         WHEN token.trusted_by IS NULL THEN 'distrust' ELSE 'trust' END, token.name, token.id,
          jsonb_build_object('of', (SELECT email FROM users WHERE id = token.user_id), 'scopes', token.scopes));
  RETURN NULL;
END $$;
