-- Of the words that somebody types the one that the planner expects in the fewest tasks, or-ed with `otherwise`; how
-- many tasks it expects there, and how many there are.
CREATE OR REPLACE FUNCTION holdgate_rarest(words text, otherwise tsquery, OUT sought tsquery, OUT hits double precision, OUT tasks double precision) RETURNS record LANGUAGE plpgsql
AS $$
DECLARE
  one tsquery;
  expected record;
BEGIN
  FOR one IN
    SELECT holdgate_sought(l) || otherwise
    FROM unnest(tsvector_to_array(to_tsvector('simple', translate(words, '/', ' ')))) AS l
    ORDER BY length(l) DESC, l LIMIT 8
  LOOP
    expected := holdgate_expected(one);
    tasks := expected.tasks;
    IF hits IS NULL OR expected.hits < hits THEN
      sought := one;
      hits := expected.hits;
    END IF;
  END LOOP;
END $$;
