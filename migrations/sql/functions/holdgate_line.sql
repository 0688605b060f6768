-- The line in which tasks of a kind stand: its own while it is limited, else everybody's. Not in SQL: before PostgreSQL 18 such a
-- function with a subquery is planned anew by each statement, which costs an enqueue of one task more than the look itself.
CREATE OR REPLACE FUNCTION holdgate_line(kind_ text) RETURNS text LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN coalesce((SELECT l.kind FROM kind_limits l WHERE l.kind = kind_ AND l.limited), '');
END $$;
