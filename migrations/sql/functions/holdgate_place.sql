-- Before a table is analysed for the first time the planner believes all its indexes to be equally good, and could sort a whole
-- queue for each place in it. So it may not sort: only the index of the line has the order.
CREATE OR REPLACE FUNCTION holdgate_place(queue_ text, priority_ integer, share_ uuid, at_ timestamp with time zone, line_ text DEFAULT ''::text) RETURNS bigint LANGUAGE plpgsql STABLE SET enable_sort TO 'off'
AS $$
DECLARE
  place_ bigint;
BEGIN
  IF line_ = '' THEN
    place_ := greatest((SELECT t.position FROM tasks t
                        WHERE t.state || '' = 'queued' AND NOT t.limited AND t.queue = queue_ AND t.priority = priority_::smallint
                        ORDER BY t.position LIMIT 1),
                       (SELECT t.position FROM tasks t
                        WHERE t.state = 'queued' AND NOT t.limited AND t.queue = queue_ AND t.priority = priority_::smallint
                          AND COALESCE(t.run_id, t.owner_id, '00000000-0000-0000-0000-000000000000'::uuid) = share_
                        ORDER BY t.position + 0 DESC LIMIT 1));
  ELSE
    place_ := greatest(holdgate_head(queue_, priority_, line_),
                       (SELECT t.position FROM tasks t
                        WHERE t.state = 'queued' AND t.limited AND t.kind = line_ AND t.queue = queue_
                          AND t.priority = priority_::smallint
                          AND COALESCE(t.run_id, t.owner_id, '00000000-0000-0000-0000-000000000000'::uuid) = share_
                        ORDER BY t.position + 0 DESC LIMIT 1));
  END IF;
  IF place_ IS NULL THEN
    -- A line that is empty begins where the others stand: it takes turns with them, neither ahead nor behind all.
    place_ := coalesce(holdgate_head(queue_, priority_),
                       (SELECT min(holdgate_head(queue_, priority_, l.kind)) FROM kind_limits l WHERE l.limited),
                       (extract(epoch FROM at_) * 1000000)::bigint);
  END IF;
  RETURN place_;
END $$;
