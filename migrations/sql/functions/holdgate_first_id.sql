-- The first id (version 7) of a time that is so many days behind `at`: of a task the id and created_at are less than a day
-- apart, which holdgate_insert sees to. So what was created from `at` on has ids from that of -1 on, and what was created
-- before has ids before that of 1.
CREATE OR REPLACE FUNCTION holdgate_first_id(at timestamp with time zone, days integer) RETURNS uuid LANGUAGE sql STABLE
AS $$
  SELECT rpad(lpad(to_hex(greatest((extract(epoch FROM at) * 1000)::bigint + days * 86400000::bigint, 0)), 12, '0'), 32, '0')::uuid
$$;
