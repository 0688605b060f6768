-- What earlier attempts of a task that is being claimed have finished, as JSON, unless it is much. NULL, too, if another worker,
-- or a person, has had the task since the claim's statement began, whose snapshot this sees: what they have finished or
-- forgotten is not in it. A function, since a subquery costs each claim its start, though hardly any needs it.
CREATE OR REPLACE FUNCTION holdgate_steps(task_ uuid, attempt_ integer, round_ integer) RETURNS text LANGUAGE plpgsql STABLE
AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM tasks t WHERE t.id = task_ AND t.attempt = attempt_ - 1 AND t.round = round_) THEN
    RETURN NULL;
  END IF;
  RETURN (SELECT coalesce(json_object_agg(s.name, s.result), '{}')::text FROM task_steps s WHERE s.task_id = task_
          HAVING coalesce(sum(pg_column_size(s.result)), 0) <= 65536);
END $$;
