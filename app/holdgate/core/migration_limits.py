"""How patient a migration is. On its own, so that the command line can say it without loading the database."""

LOCK_TIMEOUT = 5.0  # seconds that one attempt waits for a lock
TIMEOUT = 600.0  # seconds in which it tries again
