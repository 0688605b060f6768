"""Which dead letters died of the same thing: an error's type and message without what differs from task to task."""

import re
from hashlib import sha256

import msgspec
from sqlalchemy import select, text

from holdgate.core.db import WriteSession
from holdgate.tasks.models import Task
from holdgate.tasks.states import TaskState

MOST = 2000  # characters of a message that count; what follows is detail

# In this order: what is found first is not looked at again.
_VARIABLE = (
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b([a-z][a-z0-9+.-]{0,30}://[^/\s\"'<>?#]+)[^\s\"'<>]*", re.IGNORECASE), r"\1/<path>"),
    (re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "<address>"),
    (re.compile(r"(?<!\w)(?:\"[^\"\n]*\"|'[^'\n]*'|`[^`\n]*`|“[^“”\n]*”)(?!\w)"), "<text>"),
    # An id in hexadecimal may happen to have no letters: it looks like a number then, and must be the same.
    (re.compile(r"\b0x[0-9a-f]+\b|\b(?=[a-f]*\d)[0-9a-f]{7,}\b", re.IGNORECASE), "<n>"),
    (re.compile(r"\d+(?:[.,:_-]\d+)*"), "<n>"),
    (re.compile(r"\s+"), " "),
)


class _Error(msgspec.Struct):
    """What is stored of an error, as far as it matters here."""

    type: str = ""
    message: str = ""


def normalised(message: str) -> str:
    """The message with its ids, numbers, addresses, quoted texts and the variable part of URLs replaced."""
    text = message[:MOST]
    for pattern, sign in _VARIABLE:
        text = pattern.sub(sign, text)
    return text.strip()


def digest(error_type: str, message: str) -> str:
    """Twelve hexadecimal digits: the same for errors of one type whose messages differ only in their variable parts."""
    return sha256(f"{error_type}\n{normalised(message)}".encode()).hexdigest()[:12]


def digest_of(error: str | None) -> str | None:
    """The digest of an error as it is stored (JSON text); None for none."""
    if error is None:
        return None
    try:
        found = msgspec.json.decode(error, type=_Error)
    except msgspec.MsgspecError:
        found = _Error()
    return digest(found.type, found.message)


def fingerprint(kind: str, digest: str) -> str:
    """As it is stored: kind and digest. Statements that bury put the two together in the same way."""
    return f"{kind}:{digest}"


_FILL = text(
    """
    UPDATE tasks t SET fingerprint = n.fingerprint
    FROM unnest(CAST(:ids AS uuid[]), CAST(:prints AS text[])) AS n(id, fingerprint) WHERE t.id = n.id
    """
)


async def fill_missing(session: WriteSession, *, limit: int = 1000) -> int:
    """Give dead letters of an older release their fingerprint. Returns how many there were.

    A beat of the sweeper and not a part of the migration: workers of the release before go on burying without one
    until they are replaced.
    """
    rows = await session.execute(
        select(Task.id, Task.kind, Task.error["type"].astext, Task.error["message"].astext)
        .where(Task.state == TaskState.DEAD_LETTER, Task.fingerprint.is_(None))
        .order_by(Task.id)
        .limit(limit)
        .with_for_update(key_share=True, skip_locked=True)
    )
    found = rows.all()
    if found:
        ids = [row[0] for row in found]
        prints = [fingerprint(row[1], digest(row[2] or "", row[3] or "")) for row in found]
        await session.execute(_FILL, {"ids": ids, "prints": prints})
    return len(found)
