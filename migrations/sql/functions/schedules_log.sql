-- What people did, by whichever statement. The beats themselves are no events of people: they change other columns.
CREATE OR REPLACE FUNCTION schedules_log() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
DECLARE
  verb text;
  names text;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    SELECT string_agg(n.key, ', ' ORDER BY n.key) INTO names
    FROM jsonb_each(to_jsonb(NEW)) n JOIN jsonb_each(to_jsonb(OLD)) o USING (key)
    WHERE n.value <> o.value
      AND key IN ('name', 'kind', 'payload', 'queue', 'priority', 'cron', 'zone', 'missed', 'owner_id');
    verb := CASE WHEN names IS NOT NULL THEN 'edit'
                 WHEN OLD.paused_at IS NULL AND NEW.paused_at IS NOT NULL THEN 'pause'
                 WHEN OLD.paused_at IS NOT NULL AND NEW.paused_at IS NULL THEN 'resume'
                 WHEN NEW.asked_at IS DISTINCT FROM OLD.asked_at THEN 'run' END;
  ELSE
    verb := CASE TG_OP WHEN 'INSERT' THEN 'create' ELSE 'delete' END;
  END IF;
  IF verb IS NOT NULL THEN
    INSERT INTO schedule_events (schedule_id, name, verb, actor, changed)
    VALUES (CASE TG_OP WHEN 'DELETE' THEN OLD.id ELSE NEW.id END,
            CASE TG_OP WHEN 'DELETE' THEN OLD.name ELSE NEW.name END, verb, holdgate_actor(), names);
  END IF;
  RETURN NULL;
END $$;
