-- How many tasks of a limited kind may start at at_, and, where its rate is used up, the seconds until the next may.
-- To rely on it, lock the kind's row first, in a statement before.
CREATE OR REPLACE FUNCTION holdgate_room(kind_ text, at_ timestamp with time zone, OUT room integer, OUT wait double precision) RETURNS record LANGUAGE plpgsql STABLE
AS $$
DECLARE
  l kind_limits;
  tokens float8;
BEGIN
  SELECT k.* INTO l FROM kind_limits k WHERE k.kind = kind_ AND k.limited;
  room := CASE WHEN FOUND THEN 1000000 ELSE 0 END;
  IF l.concurrency IS NOT NULL THEN
    room := l.concurrency - (SELECT count(*) FROM (SELECT FROM tasks t WHERE t.state = 'running' AND t.limited
                                                   AND t.kind = kind_ LIMIT l.concurrency) AS running);
  END IF;
  IF l.rate_count IS NOT NULL THEN
    tokens := holdgate_tokens(l, at_) + 1e-6;  -- a millionth, so that ten tenths are one
    IF tokens < 1 THEN
      wait := (1 - tokens) * extract(epoch FROM l.rate_per)::float8 / l.rate_count;
    END IF;
    room := least(room, greatest(floor(tokens), 0)::int);
  END IF;
END $$;
