CREATE TRIGGER tasks_words_insert
  AFTER INSERT ON tasks
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT
  EXECUTE FUNCTION tasks_words_insert();
