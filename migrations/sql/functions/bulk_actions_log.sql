-- Who started, stopped and continued it, by whichever statement.
CREATE OR REPLACE FUNCTION bulk_actions_log() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  IF NEW.state IS DISTINCT FROM (CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END) THEN
    INSERT INTO bulk_events (action_id, from_state, to_state, actor, reason)
    VALUES (NEW.id, CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END, NEW.state, holdgate_actor(), NEW.reason);
  END IF;
  RETURN NULL;
END $$;
