"""Counts that cost the same at ten tasks and at ten million (design: folded log + what is not yet folded)."""
