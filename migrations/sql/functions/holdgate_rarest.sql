-- Of the words that somebody types the one that the planner expects in the fewest tasks, or-ed with `otherwise`; how
-- many tasks it expects there, and how many there are.
CREATE OR REPLACE FUNCTION holdgate_rarest(words text, otherwise tsquery, OUT sought tsquery, OUT hits double precision, OUT tasks double precision) RETURNS record LANGUAGE plpgsql
AS $$
DECLARE
  one tsquery;
  plan json;
BEGIN
  FOR one IN
    SELECT holdgate_sought(l) || otherwise
    FROM unnest(tsvector_to_array(to_tsvector('simple', translate(words, '/', ' ')))) AS l
    ORDER BY length(l) DESC, l LIMIT 8
  LOOP
    EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM task_words WHERE words @@ %L::tsquery', one) INTO plan;
    IF hits IS NULL OR (plan #>> '{0,Plan,Plan Rows}')::float8 < hits THEN
      sought := one;
      hits := (plan #>> '{0,Plan,Plan Rows}')::float8;
    END IF;
  END LOOP;
  SELECT greatest(reltuples, 1) INTO tasks FROM pg_class WHERE oid = 'task_words'::regclass;
END $$;
