"""The pages of the overview: how all stands, one error, what can be resumed, help."""
