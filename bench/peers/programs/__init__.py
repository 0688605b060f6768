"""One small program for each queue. None but ours imports Holdgate."""
