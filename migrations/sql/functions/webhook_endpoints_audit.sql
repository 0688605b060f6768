CREATE OR REPLACE FUNCTION webhook_endpoints_audit() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
DECLARE
  endpoint record;
  done text[] := CASE TG_OP WHEN 'INSERT' THEN ARRAY['add'] WHEN 'DELETE' THEN ARRAY['remove'] ELSE ARRAY[]::text[] END;
BEGIN
  IF TG_OP = 'DELETE' THEN endpoint := OLD; ELSE endpoint := NEW; END IF;
  IF endpoint.task_id IS NOT NULL THEN RETURN NULL; END IF;  -- a callback of one request, which nobody tends
  IF TG_OP = 'UPDATE' THEN
    IF NEW.url <> OLD.url OR NEW.events <> OLD.events OR NEW.everyone <> OLD.everyone THEN
      done := done || 'change'::text;
    END IF;
    IF NEW.secret <> OLD.secret THEN done := done || 'rotate_secret'::text; END IF;
    IF (NEW.disabled_at IS NULL) <> (OLD.disabled_at IS NULL) THEN
      done := done || CASE WHEN NEW.disabled_at IS NULL THEN 'enable' ELSE 'disable' END;
    END IF;
  END IF;
  -- Of the address only where it leads: its path may be a password.
  INSERT INTO audit_events (actor, area, verb, subject, subject_id)
  SELECT holdgate_actor(), 'webhook', verb, substring(endpoint.url from '^[^:]+://(?:[^/@]*@)?([^/?#]+)'), endpoint.id
  FROM unnest(done) AS verb;
  RETURN NULL;
END $$;
