"""The pages of runs, and the search over everything."""
