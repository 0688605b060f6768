-- Also for a task that the words' follower is about to read: of the two who write its words the later one waits.
CREATE OR REPLACE FUNCTION tasks_words_change() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  INSERT INTO task_words (task_id, words)
  VALUES (NEW.id, holdgate_words(NEW.kind, NEW.title, NEW.payload) || array_to_tsvector(ARRAY['@' || NEW.queue]))
  ON CONFLICT (task_id) DO UPDATE SET words = EXCLUDED.words;
  RETURN NULL;
END $$;
