"""Applications and what became of them: prepared, sent, replied to, and the exact copy that was sent."""
