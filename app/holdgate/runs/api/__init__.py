"""The API of runs and of new tasks."""
