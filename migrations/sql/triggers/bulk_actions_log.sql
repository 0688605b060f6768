CREATE TRIGGER bulk_actions_log
  AFTER INSERT OR UPDATE ON bulk_actions
  FOR EACH ROW
  EXECUTE FUNCTION bulk_actions_log();
