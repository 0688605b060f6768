CREATE OR REPLACE FUNCTION holdgate_words(kind text, title text, payload jsonb) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT to_tsvector('simple', translate(title, '/', ' ')) || array_to_tsvector(
    ARRAY['#' || kind] ||
    CASE WHEN count(*) > 1000 THEN ARRAY['=*']
         ELSE coalesce(array_agg(DISTINCT '=' || v) FILTER (WHERE length(v) BETWEEN 1 AND 200), '{}') END)
  FROM (SELECT CASE WHEN jsonb_typeof(j) = 'number' THEN trim_scale((j #>> '{}')::numeric)::text
                    ELSE j #>> '{}' END AS v
        FROM jsonb_path_query(payload, 'strict $.**') AS j
        WHERE jsonb_typeof(j) IN ('string', 'number', 'boolean')) AS found
$$;
