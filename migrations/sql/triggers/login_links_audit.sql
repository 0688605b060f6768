CREATE TRIGGER login_links_audit
  AFTER INSERT ON login_links
  FOR EACH ROW WHEN (((new.token_hash IS NOT NULL) AND (new.browser_hash IS NULL)))
  EXECUTE FUNCTION login_links_audit();
