"""Secrets and signatures as Standard Webhooks (1.0) defines them: `v1,` and the base64 of an HMAC-SHA256."""

import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import sha256

PREFIX = "whsec_"


def new_secret() -> str:
    """256 random bits, as receivers' libraries take them."""
    return PREFIX + b64encode(secrets.token_bytes(32)).decode()


def signed_headers(message_id: str, timestamp: int, body: bytes, keys: Sequence[str]) -> dict[str, str]:
    """The headers of one try. Every secret signs: during a rotation the receiver may know either.

    Args:
        timestamp: of this try, in seconds; receivers refuse old ones.
    """
    content = b".".join((message_id.encode(), str(timestamp).encode(), body))
    signatures = (hmac.new(b64decode(key.removeprefix(PREFIX)), content, sha256).digest() for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{b64encode(signature).decode()}" for signature in signatures),
        "content-type": "application/json",
    }
