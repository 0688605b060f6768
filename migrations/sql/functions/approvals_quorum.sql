-- The service settles the quorum; this keeps every other writer, the release before it for one, from passing over it.
-- Only what was approved as it is now counts.
CREATE OR REPLACE FUNCTION approvals_quorum() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  IF (SELECT count(*) FROM approval_votes v WHERE v.approval_id = NEW.id AND v.verb = 'approve' AND v.version = NEW.version) < NEW.needed THEN
    RAISE EXCEPTION 'approval % needs % people', NEW.id, NEW.needed USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
