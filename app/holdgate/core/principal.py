"""Who acts. Accounts finds out, everyone else only reads it."""

from typing import Literal
from uuid import UUID

import msgspec


def name_of(actor: str) -> str:
    """An actor of the event log as people read it: `ann@example.org` of `user:ann@example.org`, `Worker vm (4711)` of
    `worker:vm:4711`."""
    kind, _, name = actor.partition(":")
    if kind == "worker" and name:
        host, _, process = name.rpartition(":")
        return f"Worker {host} ({process})" if host else f"Worker {name}"
    return "System" if actor == "system" else name if kind in ("user", "recipient") and name else actor


class Principal(msgspec.Struct, frozen=True):
    """A signed-in person."""

    id: UUID
    email: str
    name: str
    role: Literal["member", "admin"]
    # An IANA name; empty: as their browser says.
    time_zone: str = ""
    # Whether single keys do something on their pages.
    shortcuts: bool = True
    # The personal token by which a program acts for them; None: they act themselves, or by a JWT.
    token_id: UUID | None = None
    # Whether a program acts for them, by a token or a JWT.
    by_program: bool = False
    # Whether it may see only what it has asked for itself.
    asks_only: bool = False

    @property
    def actor(self) -> str:
        """As the event log names them."""
        return f"user:{self.email}"

    @property
    def asker_id(self) -> UUID:
        """By what the requests of this program are known: its token, or without one its person."""
        return self.token_id or self.id

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"

    @property
    def scope(self) -> UUID | None:
        """Whose rows they may see: their own, or None for everyone's."""
        return None if self.is_admin else self.id
