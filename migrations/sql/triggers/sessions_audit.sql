CREATE TRIGGER sessions_audit
  AFTER INSERT ON sessions
  FOR EACH ROW
  EXECUTE FUNCTION sessions_audit();
