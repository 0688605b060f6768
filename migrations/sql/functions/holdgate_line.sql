CREATE OR REPLACE FUNCTION holdgate_line(kind_ text) RETURNS text LANGUAGE sql STABLE
AS $$ SELECT coalesce((SELECT l.kind FROM kind_limits l WHERE l.kind = kind_ AND l.limited), '') $$;
