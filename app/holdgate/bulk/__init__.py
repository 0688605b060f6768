"""Bulk actions: one verb on all tasks that match a filter, in chunks in the background."""
