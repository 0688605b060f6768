"""Secrets that travel in links and cookies, and values signed against change.

A link's token is random and only its SHA-256 is stored. A signed value (a cursor, the time a form was
shown) is readable by anyone and changeable by nobody who lacks the key.
"""

import secrets
from hashlib import sha256
from typing import Any

from itsdangerous import BadSignature, URLSafeTimedSerializer


def mint() -> str:
    """A new random token of 256 bits, URL-safe."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> bytes:
    """The 32 bytes stored in place of `token`."""
    return sha256(token.encode()).digest()


class Signer:
    """Signs small JSON values for one purpose (`salt`). The first key signs, all keys verify (rotation)."""

    def __init__(self, keys: tuple[str, ...], salt: str) -> None:
        # itsdangerous signs with the last key of its list.
        self._serializer = URLSafeTimedSerializer(
            list(reversed(keys)), salt=salt, signer_kwargs={"digest_method": sha256, "key_derivation": "hmac"}
        )

    def sign(self, value: Any) -> str:
        return str(self._serializer.dumps(value))

    def load(self, signed: str, max_age: int | None = None) -> Any | None:
        """The value, or None when the signature does not fit or it is older than `max_age` seconds."""
        try:
            return self._serializer.loads(signed, max_age=max_age)
        except BadSignature:
            return None
