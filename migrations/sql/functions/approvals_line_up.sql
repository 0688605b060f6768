-- Who is asked in somebody's place takes it over; those asked get their turn, or wait for it.
CREATE OR REPLACE FUNCTION approvals_line_up() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  UPDATE approval_recipients r SET turn = NULL, tell_at = NULL
  FROM new_rows n
  WHERE r.id = n.forwarded_from AND r.turn IS NOT NULL;
  PERFORM approvals_give_turns(ARRAY(
    SELECT n.person FROM new_rows n WHERE n.turn = 'waiting'
    UNION
    SELECT r.person FROM new_rows n JOIN approval_recipients r ON r.id = n.forwarded_from));
  RETURN NULL;
END $$;
