CREATE TRIGGER api_tokens_audit
  AFTER INSERT OR DELETE ON api_tokens
  FOR EACH ROW
  EXECUTE FUNCTION api_tokens_audit();
