-- As holdgate_insert, one task; returns its id. What a statement costs is most of what one task costs, so that both looks are
-- one, and the lane is made by its function only where there is none.
CREATE OR REPLACE FUNCTION holdgate_insert_one(id_ uuid, kind_ text, payload_ jsonb, queue_ text, priority_ integer, attempts_ integer, title_ text, run_ uuid, owner_ uuid, subject_ text, run_at_ timestamp with time zone, deadline_ timestamp with time zone, state_ text, at_ timestamp with time zone) RETURNS uuid LANGUAGE plpgsql
AS $$
DECLARE
  nobody constant uuid := '00000000-0000-0000-0000-000000000000';
  line_ text;
  lane_ int;
BEGIN
  SELECT coalesce((SELECT l.kind FROM kind_limits l WHERE l.kind = kind_ AND l.limited), ''),
         (SELECT l.id FROM lanes l
          WHERE l.kind = kind_ AND l.queue = queue_ AND (l.run_id = run_ OR (l.run_id IS NULL AND run_ IS NULL))
            AND (l.owner_id = owner_ OR (l.owner_id IS NULL AND owner_ IS NULL))
          LIMIT 1)
  INTO line_, lane_;
  INSERT INTO tasks (id, kind, lane, payload, queue, priority, max_attempts, title, run_id, owner_id, subject, run_at,
                     deadline_at, state, queued_at, position, limited)
  VALUES (id_, kind_, coalesce(lane_, holdgate_lane(owner_, run_, queue_, kind_)), payload_, queue_, priority_, attempts_,
          title_, run_, owner_, subject_, run_at_, deadline_,
          coalesce(state_, CASE WHEN run_at_ > at_ THEN 'scheduled' ELSE 'queued' END), at_,
          holdgate_place(queue_, priority_, coalesce(run_, owner_, nobody), at_, line_) + 1, line_ <> '');
  RETURN id_;
END $$;
