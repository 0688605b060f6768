"""Who did what: the logs of every feature as one."""
