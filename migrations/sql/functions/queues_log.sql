-- Who paused and resumed, by whichever statement.
CREATE OR REPLACE FUNCTION queues_log() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  IF NEW.paused_at IS DISTINCT FROM (CASE WHEN TG_OP = 'UPDATE' THEN OLD.paused_at END) THEN
    INSERT INTO queue_events (queue, verb, actor)
    VALUES (NEW.name, CASE WHEN NEW.paused_at IS NULL THEN 'resume' ELSE 'pause' END, holdgate_actor());
  END IF;
  RETURN NULL;
END $$;
