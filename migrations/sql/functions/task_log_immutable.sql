-- The log is written by these triggers and by nothing else; retention deletes. Only an erasure of personal data changes
-- lines, and of them nothing but the words (app/holdgate/personal_data/erasing.py).
CREATE OR REPLACE FUNCTION task_log_immutable() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  IF coalesce(current_setting('holdgate.erasing', true), '') <> 'on' THEN
    RAISE EXCEPTION 'task_log cannot be changed' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
