CREATE TRIGGER task_log_immutable
  BEFORE UPDATE ON task_log
  FOR EACH STATEMENT
  EXECUTE FUNCTION task_log_immutable();
