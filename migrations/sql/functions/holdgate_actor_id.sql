-- The number of whoever does it: workers and the system above zero, people below, so that the audit's index is partial.
-- As with lanes, nobody waits for another transaction that needs a new one.
CREATE OR REPLACE FUNCTION holdgate_actor_id() RETURNS integer LANGUAGE plpgsql
AS $$
DECLARE
  who text := holdgate_actor();
  found_ int;
BEGIN
  SELECT id INTO found_ FROM actors WHERE name = who LIMIT 1;
  IF found_ IS NULL THEN
    INSERT INTO actors (id, name)
    VALUES (nextval('actors_id_seq') * CASE WHEN who LIKE 'worker:%' OR who = 'system' THEN 1 ELSE -1 END, who)
    RETURNING id INTO found_;
  END IF;
  RETURN found_;
END $$;
