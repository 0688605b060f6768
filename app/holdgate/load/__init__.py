"""`holdgate load`: sends tasks to a running installation by its API, watches them to the end, says how it went."""
