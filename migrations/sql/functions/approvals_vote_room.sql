-- Who has decided has room for another request, also while this one waits for others. A vote taken back opens it again.
CREATE OR REPLACE FUNCTION approvals_vote_room() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    UPDATE approval_recipients r SET turn = 'open'
    FROM approvals a
    WHERE a.id = r.approval_id AND a.state = 'pending' AND r.approval_id = OLD.approval_id AND r.person = OLD.person
      AND r.turn IS NULL AND r.state <> 'undelivered'
      AND NOT EXISTS (SELECT FROM approval_recipients f WHERE f.forwarded_from = r.id);
    RETURN NULL;
  END IF;
  UPDATE approval_recipients r SET turn = NULL, tell_at = NULL
  WHERE r.approval_id = NEW.approval_id AND r.person = NEW.person AND r.turn IS NOT NULL;
  IF FOUND THEN
    PERFORM approvals_give_turns(ARRAY[NEW.person]);
  END IF;
  RETURN NULL;
END $$;
