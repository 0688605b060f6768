-- Who set which limit. Not for the tokens, which every claim of a limited kind spends.
CREATE OR REPLACE FUNCTION kind_limits_log() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  INSERT INTO kind_limit_events (kind, limits, actor)
  VALUES (NEW.kind,
          coalesce(nullif(concat_ws(', ', NEW.concurrency || ' at once', NEW.rate_count || ' per ' || NEW.rate_per), ''),
                   'none'),
          holdgate_actor());
  RETURN NULL;
END $$;
