CREATE OR REPLACE FUNCTION holdgate_place(queue_ text, priority_ integer, share_ uuid, at_ timestamp with time zone, line_ text DEFAULT ''::text) RETURNS bigint LANGUAGE plpgsql STABLE
AS $$
DECLARE
  last_ bigint;
BEGIN
  IF line_ = '' THEN
    last_ := (SELECT t.position FROM tasks t
              WHERE t.state = 'queued' AND NOT t.limited AND t.queue = queue_ AND t.priority = priority_::smallint
                AND COALESCE(t.run_id, t.owner_id, '00000000-0000-0000-0000-000000000000'::uuid) = share_
              ORDER BY -t.position LIMIT 1);
  ELSE
    last_ := (SELECT t.position FROM tasks t
              WHERE t.state = 'queued' AND t.limited AND t.kind = line_ AND t.queue = queue_
                AND t.priority = priority_::smallint
                AND COALESCE(t.run_id, t.owner_id, '00000000-0000-0000-0000-000000000000'::uuid) = share_
              ORDER BY -t.position LIMIT 1);
  END IF;
  -- A line that is empty begins where the others stand: it takes turns with them, neither ahead nor behind all.
  RETURN coalesce(greatest(holdgate_head(queue_, priority_, line_), last_),
                  holdgate_head(queue_, priority_),
                  (SELECT min(holdgate_head(queue_, priority_, l.kind)) FROM kind_limits l WHERE l.limited),
                  (extract(epoch FROM at_) * 1000000)::bigint);
END $$;
