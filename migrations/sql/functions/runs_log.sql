-- What happens to a run, by whichever statement.
CREATE OR REPLACE FUNCTION runs_log() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO run_events (run_id, verb, actor) VALUES (NEW.id, 'started', holdgate_actor());
    RETURN NULL;
  END IF;
  IF NEW.state <> OLD.state THEN
    INSERT INTO run_events (run_id, verb, actor)
    VALUES (NEW.id, CASE NEW.state WHEN 'active' THEN 'resumed' ELSE NEW.state END, holdgate_actor());
  END IF;
  IF NEW.deleted_at IS NOT NULL AND OLD.deleted_at IS NULL THEN
    INSERT INTO run_events (run_id, verb, actor) VALUES (NEW.id, 'deleted', holdgate_actor());
  END IF;
  IF (NEW.finished_at IS NULL) <> (OLD.finished_at IS NULL) THEN
    INSERT INTO run_events (run_id, verb, actor)
    VALUES (NEW.id, CASE WHEN NEW.finished_at IS NULL THEN 'reopened' ELSE 'finished' END, holdgate_actor());
  END IF;
  RETURN NULL;
END $$;
