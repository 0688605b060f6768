-- Only for a row that somebody inserts without its lane.
CREATE OR REPLACE FUNCTION tasks_lane() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  NEW.lane := holdgate_lane(NEW.owner_id, NEW.run_id, NEW.queue, NEW.kind);
  RETURN NEW;
END $$;
