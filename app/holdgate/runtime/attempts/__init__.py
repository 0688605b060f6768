"""One attempt of a task: its context, its steps, where it runs, and how it ends."""
