-- In how many tasks the planner expects what is sought among their words, and how many tasks there are.
CREATE OR REPLACE FUNCTION holdgate_expected(sought tsquery, OUT hits double precision, OUT tasks double precision) RETURNS record LANGUAGE plpgsql
AS $$
DECLARE
  plan json;
BEGIN
  EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM task_words WHERE words @@ %L::tsquery', sought) INTO plan;
  hits := (plan #>> '{0,Plan,Plan Rows}')::float8;
  SELECT greatest(reltuples, 1) INTO tasks FROM pg_class WHERE oid = 'task_words'::regclass;
END $$;
