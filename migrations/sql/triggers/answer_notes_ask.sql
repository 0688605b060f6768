CREATE TRIGGER answer_notes_ask
  AFTER INSERT ON approval_recipients
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT
  EXECUTE FUNCTION answer_notes_ask();
