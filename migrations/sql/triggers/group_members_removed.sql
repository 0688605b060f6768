CREATE TRIGGER group_members_removed
  AFTER DELETE ON group_members
  REFERENCING OLD TABLE AS changed_rows
  FOR EACH STATEMENT
  EXECUTE FUNCTION group_members_audit();
