"""The pages of tasks, queues, workers and exports."""
