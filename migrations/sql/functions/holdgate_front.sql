-- Where a task that was claimed and comes back goes: to the head. Not to where it was, or the clock would run back.
CREATE OR REPLACE FUNCTION holdgate_front(queue_ text, priority_ integer, position_ bigint, line_ text DEFAULT ''::text) RETURNS bigint LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN greatest(position_, holdgate_head(queue_, priority_, line_) - 1);
END $$;
