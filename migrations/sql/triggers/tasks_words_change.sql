CREATE TRIGGER tasks_words_change
  AFTER UPDATE OF title, payload, queue ON tasks
  FOR EACH ROW WHEN (((old.title IS DISTINCT FROM new.title) OR (old.payload IS DISTINCT FROM new.payload) OR (old.queue <> new.queue)))
  EXECUTE FUNCTION tasks_words_change();
