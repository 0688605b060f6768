CREATE TRIGGER tasks_words_delete
  AFTER DELETE ON tasks
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT
  EXECUTE FUNCTION tasks_words_delete();
