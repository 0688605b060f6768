CREATE TRIGGER applications_resolved
  AFTER UPDATE OF resolved_at ON tasks
  FOR EACH ROW WHEN (((old.resolved_at IS NULL) AND (new.resolved_at IS NOT NULL) AND (new.kind = 'application.submit'::text)))
  EXECUTE FUNCTION applications_resolved();
