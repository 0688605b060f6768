CREATE TRIGGER runs_log
  AFTER INSERT OR UPDATE OF state, finished_at, deleted_at ON runs
  FOR EACH ROW
  EXECUTE FUNCTION runs_log();
