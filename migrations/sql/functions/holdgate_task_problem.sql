-- What is wrong with one task of enqueue_many, as `field: sentence`; NULL: nothing. The payload is its kind's affair, which
-- the worker looks at; here only whether the queue can hold it.
CREATE OR REPLACE FUNCTION holdgate_task_problem(item jsonb) RETURNS text LANGUAGE plpgsql STABLE
AS $$
DECLARE
  field text;
  value jsonb;
  given text;
BEGIN
  IF jsonb_typeof(item) <> 'object' THEN
    RETURN 'Use an object with kind and payload.';
  END IF;
  FOR field, value IN SELECT * FROM jsonb_each(item) LOOP
    given := item ->> field;
    CONTINUE WHEN given IS NULL;
    CASE
      WHEN field = 'kind' THEN
        IF jsonb_typeof(value) <> 'string' OR given !~ '^[A-Za-z][A-Za-z0-9_.:-]{0,99}$' THEN
          RETURN 'kind: Use the name of a kind.';
        END IF;
      WHEN field = 'payload' THEN
        IF jsonb_typeof(value) <> 'object' THEN
          RETURN 'payload: Use an object.';
        ELSIF octet_length(given) > 4194304 + 20000 THEN  -- of which as many are spaces that others leave out
          RETURN 'payload: It is longer than 4 MB as JSON.';
        ELSIF octet_length(given) > 128 AND value @? 'strict $.**{65 to last}' THEN
          RETURN 'payload: It is nested deeper than 64 levels.';
        ELSIF octet_length(given) > 20000
              AND (SELECT count(*) FROM jsonb_path_query(value, 'strict $.**')) > 10000 THEN
          RETURN 'payload: It holds more than 10,000 values.';
        END IF;
      WHEN field IN ('priority', 'max_attempts') THEN
        IF jsonb_typeof(value) <> 'number' OR given::numeric <> trunc(given::numeric)
           OR given::numeric NOT BETWEEN (CASE field WHEN 'priority' THEN 0 ELSE 1 END) AND 1000 THEN
          RETURN field || ': Use a whole number up to 1000.';
        END IF;
      WHEN field = 'queue' THEN
        IF jsonb_typeof(value) <> 'string' OR given !~ '^[a-z][a-z0-9_-]{0,39}$' THEN
          RETURN 'queue: Use small letters, digits, - and _, at most 40.';
        END IF;
      WHEN field IN ('run_at', 'deadline') THEN
        -- With its offset: it must not depend on the time zone of a session.
        IF jsonb_typeof(value) <> 'string'
           OR given !~ '^(19[7-9]|[2-8]\d\d)\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)$' THEN
          RETURN field || ': Use a time with its offset, as 2026-11-29T08:00:00Z.';
        END IF;
      WHEN field IN ('run', 'owner') THEN
        IF jsonb_typeof(value) <> 'string'
           OR given !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' AND (field = 'run' OR given !~ '^\S+@\S+$') THEN
          RETURN field || CASE field WHEN 'run' THEN ': Use the id of a run.'
                          ELSE ': Use the id or the email address of a person.' END;
        END IF;
      WHEN field IN ('title', 'subject', 'unique') THEN
        IF jsonb_typeof(value) <> 'string' OR given = '' AND field <> 'title' OR length(given) > 300
           OR length(given) > 200 AND field = 'unique' THEN
          RETURN field || ': Use a text of at most ' || CASE field WHEN 'unique' THEN '200' ELSE '300' END
                 || ' characters.';
        END IF;
      WHEN field = 'unique_for' THEN
        IF jsonb_typeof(value) <> 'number' OR given::numeric <= 0 OR given::numeric > 315360000
           OR item ->> 'unique' IS NULL THEN
          RETURN 'unique_for: Use seconds, up to ten years, beside unique.';
        END IF;
      ELSE
        RETURN field || ': There is no such field.';
    END CASE;
  END LOOP;
  RETURN CASE WHEN item ->> 'kind' IS NULL THEN 'kind: Use the name of a kind.' END;
END $$;
