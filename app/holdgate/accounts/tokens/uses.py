"""What goes on by itself after the token that made it is revoked. Features that make such things say what they have."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol
from uuid import UUID

from holdgate.accounts.tokens import personal
from holdgate.core.db import Session, WriteSession
from holdgate.core.principal import Principal
from holdgate.feature import parts


class Use(NamedTuple):
    """What a token made, or changed last, and that is still on. `what`: schedule or webhook; `url`: its page."""

    what: str
    name: str
    url: str


class Uses(Protocol):
    """What a feature knows of one token of its owner."""

    async def uses_of(self, session: Session, by: Principal, token_id: UUID) -> list[Use]: ...

    async def pause_uses(self, session: WriteSession, by: Principal, token_id: UUID) -> None: ...


async def uses_of(session: Session, by: Principal, token_id: UUID) -> list[Use]:
    """Only of the person's own things: somebody else's token has none."""
    return [use for each in _all() for use in await each.uses_of(session, by, token_id)]


async def revoke(session: WriteSession, by: Principal, token_id: UUID, *, pause: bool) -> list[Use]:
    """Revoke a token. Returns what it made and what goes on without it: nothing where `pause` ends that as well.

    Raises:
        TokenNotFound: also for somebody else's.
    """
    await personal.revoke_token(session, by.id, token_id)
    if pause:
        for each in _all():
            await each.pause_uses(session, by, token_id)
    return await uses_of(session, by, token_id)


def _all() -> Sequence[Uses]:
    return parts("made_by_tokens")
