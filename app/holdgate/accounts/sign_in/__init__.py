"""Signing in: links and codes by email, sessions."""
