-- An array that repeats one value, as an array of that value.
CREATE OR REPLACE FUNCTION holdgate_once(given anyarray) RETURNS anyarray LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
BEGIN
  RETURN CASE WHEN given = array_fill(given[1], ARRAY[cardinality(given)]) THEN given[1:1] ELSE given END;
END $$;
