"""Tokens of personal links, and the keys they are found by: of a request, of a review session, of a request in one.

A session's token opens each of its requests as `TOKEN~ID`, ID being that of the person asked there. Only a token's
SHA-256 is stored; the key of a request in a session is that of the session, and the id behind it.
"""

from uuid import UUID

from holdgate.core.tokens import digest

MARK = "~"
HASH = 32  # bytes


def key_of(token: str) -> bytes:
    """What the link is found by."""
    session, mark, item = token.partition(MARK)
    try:
        return digest(session) + UUID(hex=item).bytes if mark else digest(token)
    except ValueError:
        return digest(token)  # which nobody has


def parts_of(key: bytes) -> tuple[bytes, UUID | None]:
    """The hash of the token, and the id of a person asked, where it is of a request in a session."""
    return key[:HASH], UUID(bytes=key[HASH:]) if len(key) > HASH else None


def session_of(token: str) -> str:
    """The session's token; "" for a link that is of one request alone."""
    session, mark, _ = token.partition(MARK)
    return session if mark else ""


def item_token(session: str, recipient_id: UUID) -> str:
    return f"{session}{MARK}{recipient_id.hex}"
