-- Called only for a pair of states that no verb joins.
CREATE OR REPLACE FUNCTION holdgate_refuse(from_state text, to_state text) RETURNS text LANGUAGE plpgsql
AS $$
BEGIN
  RAISE EXCEPTION 'illegal move of a task: % -> %', coalesce(from_state, 'nothing'), to_state
    USING ERRCODE = 'check_violation', CONSTRAINT = 'task_transitions';
END $$;
