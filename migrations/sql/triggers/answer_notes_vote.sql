CREATE TRIGGER answer_notes_vote
  AFTER INSERT ON approval_votes
  FOR EACH ROW
  EXECUTE FUNCTION answer_notes_vote();
