-- What is wrong with one task of enqueue_many, as `field: sentence`; NULL: nothing. The payload is its kind's affair, which
-- the worker looks at; here only whether the queue can hold it. One expression, so that it becomes a part of its caller's
-- statement: nearly always nothing is wrong, and a loop over the fields cost as much as the task.
CREATE OR REPLACE FUNCTION holdgate_task_problem(item jsonb) RETURNS text LANGUAGE sql STABLE
AS $$
  SELECT coalesce(CASE
    WHEN jsonb_typeof(item) <> 'object' THEN 'Use an object with kind and payload.'
    WHEN jsonb_typeof(item -> 'kind') IS DISTINCT FROM 'string' OR item ->> 'kind' !~ '^[A-Za-z][A-Za-z0-9_.:-]{0,99}$' THEN
      'kind: Use the name of a kind.'
    WHEN jsonb_typeof(item -> 'payload') NOT IN ('object', 'null') THEN 'payload: Use an object.'
    WHEN jsonb_typeof(item -> 'queue') NOT IN ('string', 'null') OR item ->> 'queue' !~ '^[a-z][a-z0-9_-]{0,39}$' THEN
      'queue: Use small letters, digits, - and _, at most 40.'
    WHEN CASE jsonb_typeof(item -> 'priority') WHEN 'number' THEN (item -> 'priority')::numeric NOT BETWEEN 0 AND 1000
              OR (item -> 'priority')::numeric <> trunc((item -> 'priority')::numeric) WHEN 'null' THEN false ELSE item ? 'priority' END THEN
      'priority: Use a whole number up to 1000.'
    WHEN CASE jsonb_typeof(item -> 'max_attempts') WHEN 'number' THEN (item -> 'max_attempts')::numeric NOT BETWEEN 1 AND 1000
              OR (item -> 'max_attempts')::numeric <> trunc((item -> 'max_attempts')::numeric) WHEN 'null' THEN false ELSE item ? 'max_attempts' END THEN
      'max_attempts: Use a whole number up to 1000.'
    WHEN jsonb_typeof(item -> 'title') NOT IN ('string', 'null') OR length(item ->> 'title') > 300 THEN
      'title: Use a text of at most 300 characters.'
    -- All there is, nearly always.
    WHEN item - '{kind,payload,title,queue,priority,max_attempts}'::text[] = '{}' THEN NULL
    WHEN jsonb_typeof(item -> 'subject') NOT IN ('string', 'null') OR length(item ->> 'subject') > 300 OR item ->> 'subject' = '' THEN
      'subject: Use a text of at most 300 characters.'
    WHEN jsonb_typeof(item -> 'unique') NOT IN ('string', 'null') OR length(item ->> 'unique') > 200 OR item ->> 'unique' = '' THEN
      'unique: Use a text of at most 200 characters.'
    WHEN jsonb_typeof(item -> 'unique_for') NOT IN ('number', 'null')
         OR jsonb_typeof(item -> 'unique_for') = 'number' AND (
              (item -> 'unique_for')::numeric <= 0 OR (item -> 'unique_for')::numeric > 315360000
              OR item ->> 'unique' IS NULL) THEN
      'unique_for: Use seconds, up to ten years, beside unique.'
    WHEN jsonb_typeof(item -> 'run_at') NOT IN ('string', 'null') OR item ->> 'run_at' !~  -- it must not depend on a session's zone
           '^(19[7-9]|[2-8]\d\d)\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)$' THEN
      'run_at: Use a time with its offset, as 2026-11-29T08:00:00Z.'
    WHEN jsonb_typeof(item -> 'deadline') NOT IN ('string', 'null') OR item ->> 'deadline' !~  -- it must not depend on a session's zone
           '^(19[7-9]|[2-8]\d\d)\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)$' THEN
      'deadline: Use a time with its offset, as 2026-11-29T08:00:00Z.'
    WHEN jsonb_typeof(item -> 'run') NOT IN ('string', 'null')
         OR item ->> 'run' !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
      'run: Use the id of a run.'
    WHEN jsonb_typeof(item -> 'owner') NOT IN ('string', 'null')
         OR item ->> 'owner' !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' AND item ->> 'owner' !~ '^\S+@\S+$' THEN
      'owner: Use the id or the email address of a person.'
    ELSE jsonb_path_query_first(  -- no subquery: with one it would be called as a function for each task
           jsonb_strip_nulls(item - '{kind,payload,title,queue,priority,max_attempts,subject,unique,unique_for,run_at,deadline,run,owner}'::text[]),
           '$.keyvalue().key') #>> '{}' || ': There is no such field.'
  END,
  CASE WHEN octet_length(item ->> 'payload') > 128 THEN CASE
    WHEN octet_length(item ->> 'payload') > 4194304 + 20000 THEN  -- of which as many are spaces that others leave out
      'payload: It is longer than 4 MB as JSON.'
    WHEN item -> 'payload' @? 'strict $.**{65 to last}' THEN 'payload: It is nested deeper than 64 levels.'
    WHEN octet_length(item ->> 'payload') > 20000
         AND jsonb_array_length(jsonb_path_query_array(item -> 'payload', 'strict $.**')) > 10000 THEN
      'payload: It holds more than 10,000 values.'
  END END)
$$;
