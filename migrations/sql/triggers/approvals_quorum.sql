CREATE TRIGGER approvals_quorum
  BEFORE UPDATE OF state ON approvals
  FOR EACH ROW WHEN (((new.state = 'approved'::text) AND (old.state <> 'approved'::text) AND (new.needed > 1)))
  EXECUTE FUNCTION approvals_quorum();
