-- A bucket that holds rate_count starts and fills again within rate_per.
CREATE OR REPLACE FUNCTION holdgate_tokens(l kind_limits, at_ timestamp with time zone) RETURNS double precision LANGUAGE sql STABLE
AS $$ SELECT least(l.rate_count, l.tokens + greatest(0, extract(epoch FROM at_ - l.tokens_at)::float8) * l.rate_count
                              / extract(epoch FROM l.rate_per)::float8) $$;
