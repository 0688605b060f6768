-- What somebody types: every word of it is the beginning of a word.
CREATE OR REPLACE FUNCTION holdgate_sought(words text) RETURNS tsquery LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT coalesce(string_agg('''' || replace(replace(l, '\', '\\'), '''', '''''') || ''':*', ' & '), '')::tsquery
  FROM unnest(tsvector_to_array(to_tsvector('simple', translate(words, '/', ' ')))) AS l
$$;
