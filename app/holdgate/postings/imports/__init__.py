"""Importing postings: read, previewed, confirmed."""
