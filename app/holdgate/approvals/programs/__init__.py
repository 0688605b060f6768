"""Requests that programs put to people over the API: one internal kind, by the same rules as a handler's."""
