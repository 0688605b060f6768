CREATE OR REPLACE FUNCTION holdgate_head(queue_ text, priority_ integer, line_ text DEFAULT ''::text) RETURNS bigint LANGUAGE plpgsql STABLE
AS $$
BEGIN
  IF line_ = '' THEN
    RETURN (SELECT t.position FROM tasks t
            WHERE t.state || '' = 'queued' AND NOT t.limited AND t.queue = queue_ AND t.priority = priority_::smallint
            ORDER BY t.position LIMIT 1);
  END IF;
  RETURN (SELECT t.position FROM tasks t
          WHERE t.state || '' = 'queued' AND t.limited AND t.kind = line_ AND t.queue = queue_
            AND t.priority = priority_::smallint
          ORDER BY t.position LIMIT 1);
END $$;
