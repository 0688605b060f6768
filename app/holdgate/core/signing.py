"""Signatures that anybody can check without a secret: Ed25519, with keys that are derived from the secret keys.

What is signed is JSON in one canonical spelling: UTF-8, keys sorted, no spaces, no fractions. The public keys are told
as JSON Web Keys (RFC 8037); a key's id is its thumbprint (RFC 7638).
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ALGORITHM = "EdDSA"
PURPOSE = b"holdgate receipts Ed25519 1"
UNKNOWN_KEY = "It was signed with a key that is not known here"


def canonical(value: Any) -> bytes:
    """The one spelling. Raises ValueError for what has none."""
    _refuse_fractions(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _refuse_fractions(value: Any) -> None:
    """Two programs may write the same fraction in different ways."""
    if isinstance(value, float):
        raise ValueError("a fraction cannot be signed")
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _refuse_fractions(part)


def sign(secret_keys: tuple[str, ...], value: Any) -> dict[str, str]:
    """The signature of `value` by the first key, which is the present one."""
    key = _private(secret_keys[0])
    return {"alg": ALGORITHM, "kid": key_id(_public(key)), "value": _text(key.sign(canonical(value)))}


def verify(value: Any, signature: Any, keys: Iterable[Mapping[str, str]]) -> str | None:
    """What is wrong with the signature, as a sentence; None when it fits. `keys` are public ones, as `public_keys`."""
    if not isinstance(signature, dict) or signature.get("alg") != ALGORITHM:
        return "It is not signed in a way that is known here."
    known = {key_id(key): key for key in keys if key.get("crv") == "Ed25519"}
    key = known.get(str(signature.get("kid")))
    if key is None:
        return f"{UNKNOWN_KEY} ({signature.get('kid')})."
    try:
        public = Ed25519PublicKey.from_public_bytes(_bytes(key["x"]))
        public.verify(_bytes(str(signature.get("value"))), canonical(value))
    except (InvalidSignature, NotBase64, ValueError):
        return "Invalid signature: it was changed, or not made here."
    return None


def public_keys(secret_keys: tuple[str, ...]) -> list[dict[str, str]]:
    """The public side of every key, the present one first, as JSON Web Keys."""
    found = [_public(_private(secret)) for secret in secret_keys]
    return [{**key, "alg": ALGORITHM, "use": "sig", "kid": key_id(key)} for key in found]


def key_id(key: Mapping[str, str]) -> str:
    return _text(sha256(canonical({name: str(key.get(name, "")) for name in ("crv", "kty", "x")})).digest())


def _private(secret: str) -> Ed25519PrivateKey:
    seed = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(secret.encode())
    return Ed25519PrivateKey.from_private_bytes(seed)


def _public(key: Ed25519PrivateKey) -> dict[str, str]:
    return {"kty": "OKP", "crv": "Ed25519", "x": _text(key.public_key().public_bytes_raw())}


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """Raises ValueError also for another spelling of the same bytes."""
    raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _text(raw) != text:
        raise ValueError("not base64url")
    return raw
