-- A request that ends, by whichever statement, makes room for those that wait behind it, in the same transaction. One
-- that is open again is that for those who have not decided it.
CREATE OR REPLACE FUNCTION approvals_make_room() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
DECLARE
  people text[];
BEGIN
  IF NOT EXISTS (SELECT FROM new_rows n JOIN old_rows o USING (id) WHERE n.state <> o.state) THEN
    RETURN NULL;
  END IF;
  PERFORM approvals_wait_again(array_agg(r.id))
  FROM approval_recipients r JOIN new_rows n ON n.id = r.approval_id JOIN old_rows o ON o.id = n.id
  WHERE n.state = 'pending' AND o.state <> 'pending'
  HAVING count(*) > 0;
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
