CREATE TRIGGER users_audit
  AFTER INSERT OR UPDATE OF role, disabled_at ON users
  FOR EACH ROW
  EXECUTE FUNCTION users_audit();
