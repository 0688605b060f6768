CREATE TRIGGER tasks_errors_delete
  AFTER DELETE ON tasks
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT
  EXECUTE FUNCTION tasks_errors_delete();
