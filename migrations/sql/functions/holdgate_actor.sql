-- Who does it: what the session has named, or the database role when somebody uses psql.
CREATE OR REPLACE FUNCTION holdgate_actor() RETURNS text LANGUAGE sql STABLE
AS $$ SELECT coalesce(nullif(current_setting('holdgate.actor', true), ''), 'role:' || current_user) $$;
