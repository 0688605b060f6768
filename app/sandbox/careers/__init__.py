"""A development careers site: somebody else's system, to which `application.submit` sends applications.

It runs as its own process (`python -m sandbox.careers --port 8090 --data-dir DIR`), imports nothing else of
`app`, and can be told to misbehave (`behaviour.py`), so that retries, holds and idempotency meet a real
opponent.
"""
