-- What the words' follower has not read yet: a second of tasks, or as many as came since the last worker ran. In plpgsql
-- and with OFFSET, as a planner takes the few events behind a cursor for a third of the log, and would read all tasks; of a range,
-- as which the second bound makes it, it expects less.
CREATE OR REPLACE FUNCTION holdgate_unindexed() RETURNS TABLE(task_id uuid, words tsvector) LANGUAGE plpgsql STABLE ROWS 10
AS $$
BEGIN
  RETURN QUERY
  SELECT t.id, holdgate_words(t.kind, t.title, t.payload) || array_to_tsvector(ARRAY['@' || t.queue])
  FROM task_log e
  CROSS JOIN LATERAL (SELECT * FROM tasks WHERE id = e.task_id OFFSET 0) AS t
  WHERE e.xid >= (SELECT f.upto FROM log_followers f WHERE f.name = 'words') AND e.xid < '18446744073709551615'::xid8
    AND e.from_state IS NULL AND NOT EXISTS (SELECT FROM task_words w WHERE w.task_id = t.id OFFSET 0);
END $$;
