-- The log is written by these triggers and by nothing else; retention deletes, nobody changes.
CREATE OR REPLACE FUNCTION task_log_immutable() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  RAISE EXCEPTION 'task_log cannot be changed' USING ERRCODE = 'check_violation';
END $$;
