"""Requests before and after handlers: limits, headers, cookies, sessions, guards."""
