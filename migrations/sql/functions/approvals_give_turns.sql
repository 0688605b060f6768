-- The turn of those who have room: of each of these people the most urgent requests that wait, then the oldest, until as
-- many are open as their pace allows.
--
-- Never waits for a lock, so it may be called by whoever closes or asks something, in any order: whom another
-- transaction is seeing to is noted for the sweeper, and so is everybody after the fiftieth, since a lock is memory of
-- the server. Two seconds gather what comes together for one email.
CREATE OR REPLACE FUNCTION approvals_give_turns(people text[]) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
DECLARE
  someone text;
  seen int := 0;
  room int;
  given int;
BEGIN
  FOR someone IN SELECT DISTINCT p FROM unnest(people) AS p ORDER BY p LOOP
    seen := seen + 1;
    IF seen > 50 OR NOT pg_try_advisory_xact_lock(1416982126, hashtext(someone)) THEN
      INSERT INTO approval_turns (person) VALUES (someone);
      CONTINUE;
    END IF;
    SELECT w.pace - (SELECT count(*) FROM approval_recipients o WHERE o.person = someone AND o.turn = 'open')
    INTO room
    FROM approval_recipients w
    WHERE w.person = someone AND w.turn = 'waiting'
    ORDER BY w.urgency DESC, w.asked_at, w.id
    LIMIT 1;
    CONTINUE WHEN NOT FOUND OR room <= 0;
    -- Materialised: a plan that looks for them once for each row would give more turns than there is room.
    WITH next AS MATERIALIZED (
      SELECT w.id FROM approval_recipients w
      WHERE w.person = someone AND w.turn = 'waiting'
      ORDER BY w.urgency DESC, w.asked_at, w.id
      LIMIT room
      FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE approval_recipients r SET turn = 'open', tell_at = now() + interval '2 seconds'
    FROM next WHERE r.id = next.id;
    GET DIAGNOSTICS given = ROW_COUNT;
    IF given < room AND EXISTS (SELECT FROM approval_recipients w WHERE w.person = someone AND w.turn = 'waiting') THEN
      -- Somebody is closing the others just now, or fails to.
      INSERT INTO approval_turns (person) VALUES (someone);
    END IF;
  END LOOP;
END $$;
