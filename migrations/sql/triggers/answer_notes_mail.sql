CREATE TRIGGER answer_notes_mail
  AFTER UPDATE OF state ON approval_recipients
  FOR EACH ROW WHEN (((old.state <> new.state) AND (new.state = ANY (ARRAY['sent'::text, 'undelivered'::text]))))
  EXECUTE FUNCTION answer_notes_mail();
