"""Who holds which token, believed for a second: a busy program's token need not be looked up for every request."""

import time

from holdgate.accounts.tokens.queries import Holder

SECONDS = 1.0
MOST = 10_000


class Holders:
    """What one web process has looked up just now. A token revoked in another process ends a second later here."""

    def __init__(self) -> None:
        self._found: dict[bytes, tuple[Holder, float]] = {}

    def get(self, token_hash: bytes) -> Holder | None:
        """None: look it up."""
        holder, until = self._found.get(token_hash, (None, 0.0))
        return holder if until > time.monotonic() else None

    def keep(self, token_hash: bytes, holder: Holder) -> None:
        if len(self._found) >= MOST:
            self._found.clear()
        # That its use is to be noted is true once.
        self._found[token_hash] = holder._replace(stale=False), time.monotonic() + SECONDS

    def forget(self) -> None:
        """Tokens or people have changed."""
        self._found.clear()
