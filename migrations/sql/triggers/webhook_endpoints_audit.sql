CREATE TRIGGER webhook_endpoints_audit
  AFTER INSERT OR DELETE OR UPDATE OF url, events, everyone, secret, disabled_at ON webhook_endpoints
  FOR EACH ROW
  EXECUTE FUNCTION webhook_endpoints_audit();
