"""The queue: tasks, their states, steps and events. Knows no other feature."""
