CREATE TRIGGER tasks_lane
  BEFORE INSERT ON tasks
  FOR EACH ROW WHEN ((new.lane IS NULL))
  EXECUTE FUNCTION tasks_lane();
