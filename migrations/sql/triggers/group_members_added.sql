CREATE TRIGGER group_members_added
  AFTER INSERT ON group_members
  REFERENCING NEW TABLE AS changed_rows
  FOR EACH STATEMENT
  EXECUTE FUNCTION group_members_audit();
