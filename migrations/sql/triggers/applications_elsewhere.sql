CREATE TRIGGER applications_elsewhere
  AFTER INSERT OR UPDATE OF applied_at, tracker_status ON postings
  FOR EACH ROW WHEN ((new.applied_at IS NOT NULL))
  EXECUTE FUNCTION applications_elsewhere();
