CREATE TRIGGER groups_audit
  AFTER INSERT OR DELETE OR UPDATE OF description ON groups
  FOR EACH ROW
  EXECUTE FUNCTION groups_audit();
