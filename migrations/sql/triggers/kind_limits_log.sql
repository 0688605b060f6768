CREATE TRIGGER kind_limits_log
  AFTER INSERT OR UPDATE OF concurrency, rate_count, rate_per, set_by ON kind_limits
  FOR EACH ROW
  EXECUTE FUNCTION kind_limits_log();
