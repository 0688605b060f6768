CREATE TRIGGER approvals_vote_room
  AFTER INSERT OR DELETE ON approval_votes
  FOR EACH ROW
  EXECUTE FUNCTION approvals_vote_room();
