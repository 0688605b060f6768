-- Who has decided has room for another request, also while this one waits for others. A vote taken back asks them again.
CREATE OR REPLACE FUNCTION approvals_vote_room() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    PERFORM approvals_wait_again(array_agg(r.id))
    FROM approval_recipients r JOIN approvals a ON a.id = r.approval_id
    WHERE a.state = 'pending' AND r.approval_id = OLD.approval_id AND r.person = OLD.person
    HAVING count(*) > 0;
    RETURN NULL;
  END IF;
  UPDATE approval_recipients r SET turn = NULL, tell_at = NULL
  WHERE r.approval_id = NEW.approval_id AND r.person = NEW.person AND r.turn IS NOT NULL;
  IF FOUND THEN
    PERFORM approvals_give_turns(ARRAY[NEW.person]);
  END IF;
  RETURN NULL;
END $$;
