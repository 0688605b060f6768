-- When the task came into the state that it is in, by the log.
CREATE OR REPLACE FUNCTION holdgate_since(task uuid) RETURNS timestamp with time zone LANGUAGE sql STABLE
AS $$
  SELECT e.at FROM task_log e WHERE e.task_id = task AND e.from_state IS DISTINCT FROM e.to_state ORDER BY e.id DESC LIMIT 1
$$;
