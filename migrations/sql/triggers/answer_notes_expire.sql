CREATE TRIGGER answer_notes_expire
  AFTER UPDATE OF state ON approvals
  FOR EACH ROW WHEN (((new.state = 'expired'::text) AND (old.state <> 'expired'::text)))
  EXECUTE FUNCTION answer_notes_expire();
