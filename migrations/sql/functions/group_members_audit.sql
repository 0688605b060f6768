-- Who goes with a deleted group is not told one by one: that is the group's own line.
CREATE OR REPLACE FUNCTION group_members_audit() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  INSERT INTO audit_events (actor, area, verb, subject, data)
  SELECT holdgate_actor(), 'group', CASE TG_OP WHEN 'INSERT' THEN 'add_member' ELSE 'remove_member' END,
         c.group_name, jsonb_build_object('email', c.email)
  FROM changed_rows c JOIN groups g ON g.name = c.group_name;
  RETURN NULL;
END $$;
