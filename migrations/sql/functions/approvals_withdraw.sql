-- Whatever was decided or is being decided was shown the payload as it was, so none of it counts for another one.
CREATE OR REPLACE FUNCTION approvals_withdraw() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  UPDATE approvals SET withdrawn_at = now() WHERE task_id = NEW.id AND withdrawn_at IS NULL;
  RETURN NULL;
END $$;
