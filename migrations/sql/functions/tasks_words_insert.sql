CREATE OR REPLACE FUNCTION tasks_words_insert() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  INSERT INTO task_words (task_id, created_at, words)
  SELECT id, created_at, holdgate_words(kind, title, payload) || array_to_tsvector(ARRAY['@' || queue])
  FROM new_rows;
  RETURN NULL;
END $$;
