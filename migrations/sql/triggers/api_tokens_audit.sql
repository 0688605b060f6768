CREATE TRIGGER api_tokens_audit
  AFTER INSERT OR DELETE OR UPDATE OF trusted_by ON api_tokens
  FOR EACH ROW
  EXECUTE FUNCTION api_tokens_audit();
