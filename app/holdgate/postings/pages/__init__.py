"""The pages of postings, imports and new runs."""
