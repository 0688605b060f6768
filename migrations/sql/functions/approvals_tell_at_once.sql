-- Those of a request who are told of it now, by an email of its own: alone, and few within the last minute. The others of a run
-- are waited for, and the sweeper tells of them.
CREATE OR REPLACE FUNCTION approvals_tell_at_once(approval_ uuid, run_ uuid, few_ integer) RETURNS TABLE(id uuid, email text) LANGUAGE sql
AS $$
  UPDATE approval_recipients r SET told_at = now(), tell_at = NULL
  WHERE r.approval_id = approval_ AND r.turn = 'open' AND r.tell_at IS NOT NULL
    AND NOT EXISTS (SELECT FROM tasks t WHERE t.run_id = run_ OFFSET few_)
    AND (SELECT count(*) FROM approval_recipients o
         WHERE o.person = r.person AND o.told_at > now() - interval '1 minute') < few_
    AND NOT EXISTS (SELECT FROM approval_recipients o
                    WHERE o.person = r.person AND o.turn = 'open' AND o.tell_at IS NOT NULL AND o.id <> r.id)
    AND NOT EXISTS (SELECT FROM approval_digests d
                    WHERE d.person = r.person AND d.created_at > now() - interval '2 days'
                      AND d.used_at > now() - interval '5 minutes')
  RETURNING r.id, r.email
$$;
