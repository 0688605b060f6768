"""How people answer: counters and times, folded from what triggers note, so that nobody counts history."""
