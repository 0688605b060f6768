"""Job postings: import, duplicates, and which of them have been applied to."""
