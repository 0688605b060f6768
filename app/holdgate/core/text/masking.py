"""Secrets that people put into payloads, hidden wherever a payload is shown. What is stored, and sent, stays whole."""

import re
from typing import Any

from holdgate.core.text.shape import MOST_DEPTH, TOO_DEEP

HIDDEN = "[hidden]"

# Every pattern is linear: it begins at few places, and no two beginnings look at the same stretch of text
# (tests/core/test_patterns.py). Payloads and log lines are masked on the event loop.
_LINK = re.compile(r"(/(?:review|login)/)[A-Za-z0-9_-]{20,}")
_API_TOKEN = re.compile(r"hg_[A-Za-z0-9_-]{16,}")
# From the beginning of its word, which may have something before the token.
_JWT = re.compile(
    r"(?<![A-Za-z0-9_-])((?:(?!eyJ)[A-Za-z0-9_-])*+)eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]++\.[A-Za-z0-9_-]++"
)
_PASSWORD = re.compile(r"(?<=://)[^/@\s:]*+:[^/@\s]++@")

_WORDS = (
    r"authorization|cookie|token|secret|passw(?:or)?d|passphrase|(?:api|access|private)[-_]?key|credential|signature"
)
_NAME = re.compile(_WORDS, re.IGNORECASE)
_QUERY = re.compile(
    rf"([?&](?:(?:(?!{_WORDS})[^=&#?\s])*+(?:{_WORDS})[^=&#?\s]*+|key|sig|auth)=)[^&#\s]++", re.IGNORECASE
)
_SCHEME = re.compile(r"\b(bearer|basic)\s++[A-Za-z0-9+/=._~-]{8,}", re.IGNORECASE)
# What each of them needs. Most texts of log lines and payloads have none of it.
_SUSPECT = re.compile(r"/review/|/login/|hg_|eyJ|://|[?&]|bearer|basic", re.IGNORECASE)


def masked(value: Any, deep: int = 0) -> Any:
    """Plain JSON data with the values of secret names, and secrets in the text of others, replaced.

    A name that contains a secret's word is taken for one, whatever it means: rather one value too many. Numbers stay.
    What is deeper than data may be (a release before stored it) is left out, so that whatever shows it can.
    """
    if deep > MOST_DEPTH:
        return TOO_DEEP
    if isinstance(value, dict):
        return {name: _of_name(str(name), item, deep + 1) for name, item in value.items()}
    if isinstance(value, list):
        return [masked(item, deep + 1) for item in value]
    if isinstance(value, str):
        return masked_text(value)
    return value


def masked_text(text: str) -> str:
    """Text without passwords and tokens in addresses, and without what looks like a token."""
    if not _SUSPECT.search(text):
        return text
    text = _LINK.sub(rf"\1{HIDDEN}", text)
    text = _API_TOKEN.sub(HIDDEN, text)
    text = _JWT.sub(rf"\1{HIDDEN}", text) if "eyJ" in text else text
    text = _PASSWORD.sub(HIDDEN, text) if "://" in text else text
    return _SCHEME.sub(rf"\1 {HIDDEN}", _QUERY.sub(rf"\1{HIDDEN}", text))


def _of_name(name: str, value: Any, deep: int) -> Any:
    if _NAME.search(name) and value and not isinstance(value, (bool, int, float)):
        return HIDDEN
    return masked(value, deep)
