CREATE TRIGGER tasks_close_approvals
  AFTER UPDATE ON tasks
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT
  EXECUTE FUNCTION approvals_close_with_hold();
