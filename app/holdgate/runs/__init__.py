"""Runs: batches of tasks that a person starts, pauses, resumes and cancels together."""
