CREATE OR REPLACE FUNCTION tasks_words_change() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  UPDATE task_words
  SET words = holdgate_words(NEW.kind, NEW.title, NEW.payload) || array_to_tsvector(ARRAY['@' || NEW.queue]),
      created_at = NEW.created_at
  WHERE task_id = NEW.id;
  RETURN NULL;
END $$;
