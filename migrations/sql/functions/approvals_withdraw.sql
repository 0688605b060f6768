-- Whatever was decided or is being decided was shown the payload as it was, so none of it counts for another one. An
-- erasure of personal data takes the payload from what is finished, and what was decided stays decided.
CREATE OR REPLACE FUNCTION approvals_withdraw() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  IF coalesce(current_setting('holdgate.erasing', true), '') <> 'on' THEN
    UPDATE approvals SET withdrawn_at = now() WHERE task_id = NEW.id AND withdrawn_at IS NULL;
  END IF;
  RETURN NULL;
END $$;
