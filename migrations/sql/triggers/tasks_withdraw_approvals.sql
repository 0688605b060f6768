CREATE TRIGGER tasks_withdraw_approvals
  AFTER UPDATE OF payload ON tasks
  FOR EACH ROW WHEN ((old.payload IS DISTINCT FROM new.payload))
  EXECUTE FUNCTION approvals_withdraw();
