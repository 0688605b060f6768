CREATE TRIGGER tasks_words_change
  AFTER UPDATE OF title, payload, created_at, queue ON tasks
  FOR EACH ROW WHEN (((old.title IS DISTINCT FROM new.title) OR (old.payload IS DISTINCT FROM new.payload) OR (old.created_at <> new.created_at) OR (old.queue <> new.queue)))
  EXECUTE FUNCTION tasks_words_change();
