CREATE TRIGGER task_counts_change
  AFTER UPDATE ON task_counts
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT
  EXECUTE FUNCTION task_counts_change();
