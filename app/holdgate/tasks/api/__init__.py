"""The API of tasks, queues, limits, workers and statistics."""
