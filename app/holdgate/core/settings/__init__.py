"""What can be set in the environment: the table of settings and their types. core/config.py reads it."""
