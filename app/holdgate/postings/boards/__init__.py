"""Postings by their address: which public answer of a board has them, and how it is fetched."""
