CREATE TRIGGER erasures_audit
  AFTER INSERT ON erasures
  FOR EACH ROW
  EXECUTE FUNCTION erasures_audit();
