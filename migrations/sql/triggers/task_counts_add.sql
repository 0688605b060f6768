CREATE TRIGGER task_counts_add
  AFTER INSERT ON task_counts
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT
  EXECUTE FUNCTION task_counts_add();
