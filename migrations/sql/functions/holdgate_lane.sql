-- The number under which the log and the counts know an owner, a run, a queue and a kind together. Two transactions that
-- need a new one at the same time make one each, and neither waits for the other: whoever counts goes by what a lane is.
CREATE OR REPLACE FUNCTION holdgate_lane(owner_ uuid, run_ uuid, queue_ text, kind_ text) RETURNS integer LANGUAGE plpgsql
AS $$
DECLARE
  found_ int;
BEGIN
  SELECT id INTO found_ FROM lanes
  WHERE kind = kind_ AND queue = queue_ AND (run_id = run_ OR (run_id IS NULL AND run_ IS NULL))
    AND (owner_id = owner_ OR (owner_id IS NULL AND owner_ IS NULL))
  LIMIT 1;
  IF found_ IS NULL THEN
    INSERT INTO lanes (owner_id, run_id, queue, kind) VALUES (owner_, run_, queue_, kind_) RETURNING id INTO found_;
  END IF;
  RETURN found_;
END $$;
