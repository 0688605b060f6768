-- Whether two descriptions can be of one job: most words of the shorter one are in the other. One that says little says
-- nothing against it. Tags are no words.
CREATE OR REPLACE FUNCTION posting_texts_alike(one text, other text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT least(cardinality(a), cardinality(b)) < 30
      OR 10 * (SELECT count(*) FROM (SELECT unnest(a) INTERSECT SELECT unnest(b)) AS shared)
         >= 6 * least(cardinality(a), cardinality(b))
  FROM (SELECT tsvector_to_array(to_tsvector('simple', left(one, 4000))) AS a,
               tsvector_to_array(to_tsvector('simple', left(other, 4000))) AS b) AS words
$$;
