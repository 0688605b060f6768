-- The words of every task there is: those that are indexed, and those that are not yet.
CREATE OR REPLACE VIEW task_search AS
  SELECT task_words.task_id, task_words.created_at, task_words.words FROM task_words
  UNION ALL
  SELECT u.task_id, u.created_at, u.words FROM holdgate_unindexed() AS u;
