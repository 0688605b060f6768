-- A posting that is marked as applied to has an application: its own, or one that was made elsewhere.
CREATE OR REPLACE FUNCTION applications_elsewhere() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
  INSERT INTO applications (id, owner_id, posting_id, title, company, location, url, channel, status, status_at,
                            sent_at)
  SELECT holdgate_uuid7(), NEW.owner_id, NEW.id, NEW.title, NEW.company, NEW.location, NEW.url, 'elsewhere', 'sent',
         NEW.applied_at, NEW.applied_at
  WHERE NOT EXISTS (SELECT FROM applications a WHERE a.posting_id = NEW.id AND a.sent_at IS NOT NULL);
  RETURN NULL;
END $$;
