CREATE TRIGGER task_events_immutable
  BEFORE UPDATE ON task_events
  FOR EACH STATEMENT
  EXECUTE FUNCTION task_events_immutable();
