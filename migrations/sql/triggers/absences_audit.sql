CREATE TRIGGER absences_audit
  AFTER INSERT OR DELETE ON absences
  FOR EACH ROW
  EXECUTE FUNCTION absences_audit();
