"""The toolkit of the JSON API: access, bodies, idempotency, pages, the description. Imports no feature."""
