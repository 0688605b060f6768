CREATE TRIGGER approvals_make_room
  AFTER UPDATE ON approvals
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT
  EXECUTE FUNCTION approvals_make_room();
