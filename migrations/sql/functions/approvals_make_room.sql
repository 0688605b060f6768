-- A request that ends, by whichever statement, makes room for those that wait behind it, in the same transaction. One
-- that is open again is open again for those who have not decided it.
CREATE OR REPLACE FUNCTION approvals_make_room() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
DECLARE
  people text[];
BEGIN
  IF NOT EXISTS (SELECT FROM new_rows n JOIN old_rows o USING (id) WHERE n.state <> o.state) THEN
    RETURN NULL;
  END IF;
  UPDATE approval_recipients r SET turn = 'open'
  FROM new_rows n JOIN old_rows o USING (id)
  WHERE r.approval_id = n.id AND n.state = 'pending' AND o.state <> 'pending' AND r.state <> 'undelivered'
    AND NOT EXISTS (SELECT FROM approval_recipients f WHERE f.forwarded_from = r.id)
    AND NOT EXISTS (SELECT FROM approval_votes v WHERE v.approval_id = r.approval_id AND v.person = r.person);
  WITH over AS (
    UPDATE approval_recipients r SET turn = NULL, tell_at = NULL
    FROM new_rows n JOIN old_rows o USING (id)
    WHERE r.approval_id = n.id AND o.state = 'pending' AND n.state <> 'pending' AND r.turn IS NOT NULL
    RETURNING r.person
  )
  SELECT array_agg(DISTINCT person) INTO people FROM over;
  PERFORM approvals_give_turns(people);
  RETURN NULL;
END $$;
