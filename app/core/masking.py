"""Secrets that people put into payloads, hidden wherever a payload is shown. What is stored, and sent, stays whole."""

import re
from typing import Any

HIDDEN = "[hidden]"

SECRET_SHAPES = re.compile(
    r"(?P<path>/(?:review|login)/)[A-Za-z0-9_-]{20,}"  # a link's token
    r"|hp_[A-Za-z0-9_-]{16,}"  # an API token
    r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"  # a JWT
    r"|(?P<scheme>[a-z+]+://)[^/@\s:]*:[^/@\s]+@"  # a password in a URL
)

_WORDS = (
    r"authorization|cookie|token|secret|passw(?:or)?d|passphrase|(?:api|access|private)[-_]?key|credential|signature"
)
_NAME = re.compile(_WORDS, re.IGNORECASE)
_QUERY = re.compile(rf"([?&](?:[^=&#\s]*(?:{_WORDS})[^=&#\s]*|key|sig|auth)=)[^&#\s]+", re.IGNORECASE)
_SCHEME = re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}", re.IGNORECASE)
# What each of the three above needs. Most texts of log lines and payloads have none of it.
_SUSPECT = re.compile(r"/review/|/login/|hp_|eyJ|://|[?&]|bearer|basic", re.IGNORECASE)


def masked(value: Any) -> Any:
    """Plain JSON data with the values of secret names, and secrets in the text of others, replaced.

    A name that contains a secret's word is taken for one, whatever it means: rather one value too many. Numbers stay.
    """
    if isinstance(value, dict):
        return {name: _of_name(str(name), item) for name, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    if isinstance(value, str):
        return masked_text(value)
    return value


def masked_text(text: str) -> str:
    """Text without passwords and tokens in addresses, and without what looks like a token."""
    if not _SUSPECT.search(text):
        return text
    text = SECRET_SHAPES.sub(lambda m: f"{m['path'] or ''}{m['scheme'] or ''}{HIDDEN}", text)
    return _SCHEME.sub(rf"\1 {HIDDEN}", _QUERY.sub(rf"\1{HIDDEN}", text))


def _of_name(name: str, value: Any) -> Any:
    if _NAME.search(name) and value and not isinstance(value, (bool, int, float)):
        return HIDDEN
    return masked(value)
