-- Requests that were over for their people and are not any more: each is theirs again if they have room, and else waits,
-- ahead of those whose clock has not started (2000 is HURRY in approvals/rules/clock_queries.py). Who was told of one
-- before and has it at once gets no further email.
CREATE OR REPLACE FUNCTION approvals_wait_again(ids uuid[]) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
DECLARE
  people text[];
BEGIN
  WITH again AS (
    UPDATE approval_recipients r
    SET turn = 'waiting', urgency = CASE WHEN r.urgency < 2000 THEN r.urgency + 2000 ELSE r.urgency END
    WHERE r.id = ANY (ids) AND r.turn IS NULL AND r.pace > 0 AND r.state <> 'undelivered'
      AND NOT EXISTS (SELECT FROM approval_recipients f WHERE f.forwarded_from = r.id)
      AND NOT EXISTS (SELECT FROM approval_votes v WHERE v.approval_id = r.approval_id AND v.person = r.person)
    RETURNING r.person
  )
  SELECT array_agg(DISTINCT person) INTO people FROM again;
  PERFORM approvals_give_turns(people);
  UPDATE approval_recipients r SET tell_at = NULL
  WHERE r.id = ANY (ids) AND r.turn = 'open' AND r.told_at IS NOT NULL;
END $$;
