CREATE OR REPLACE FUNCTION tasks_words_delete() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  DELETE FROM task_words w USING old_rows o WHERE w.task_id = o.id;
  RETURN NULL;
END $$;
