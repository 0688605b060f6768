"""The pages of signing in, settings, people and tokens."""
