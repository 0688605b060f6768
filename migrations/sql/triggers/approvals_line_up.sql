CREATE TRIGGER approvals_line_up
  AFTER INSERT ON approval_recipients
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT
  EXECUTE FUNCTION approvals_line_up();
