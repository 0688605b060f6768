-- The words of every task there is: those that are indexed, and those that are not yet.
CREATE OR REPLACE VIEW task_search AS
  SELECT task_words.task_id, task_words.words FROM task_words
  UNION ALL
  SELECT u.task_id, u.words FROM holdgate_unindexed() AS u;
