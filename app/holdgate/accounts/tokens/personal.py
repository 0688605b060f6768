"""Personal tokens: made, shown once, revoked."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from holdgate.accounts import queries
from holdgate.accounts.errors import TokenNotFound, UserNotFound
from holdgate.accounts.mails import NewTokenData
from holdgate.accounts.tokens import queries as token_queries
from holdgate.core.db import Session, WriteSession
from holdgate.core.errors import Conflict, Forbidden, Invalid
from holdgate.core.ids import uuid7
from holdgate.core.principal import Principal
from holdgate.core.scopes import Scope
from holdgate.core.tokens import digest, mint
from holdgate.mail import service as mail

START = "hg_"
SHOWN = len(START) + 6  # characters by which people know a token
MOST = 50
MOST_SHOWN = 200  # of everybody's
LONGEST = timedelta(days=3650)
OPERATOR = "an operator"
USUAL = (Scope.TASKS_READ, Scope.TASKS_WRITE, Scope.APPROVALS_DECIDE)


async def create_token(
    session: WriteSession,
    user_id: UUID,
    *,
    name: str,
    scopes: Collection[Scope],
    lasts: timedelta | None = None,
    now: datetime | None = None,
) -> str:
    """A new token: the only moment at which it can be read. Its person is told by email, in case it was not they.

    Raises:
        UserNotFound; Conflict: too many. Invalid: no name, no scope, or `admin` for one who is none.
    """
    name = " ".join(name.split())
    if not 1 <= len(name) <= 100:
        raise Invalid("A token needs a name of at most 100 characters.", {"name": "From 1 to 100 characters."})
    if not scopes:
        raise Invalid("A token needs at least one scope.", {"scopes": "Choose at least one."})
    if lasts is not None and not timedelta(0) < lasts <= LONGEST:
        raise Invalid("A token lasts at most ten years.", {"days": "At most 3,650 days."})
    if {Scope.APPROVALS_CREATE, Scope.APPROVALS_DECIDE} <= set(scopes):
        sentence = "A token that asks decides nothing: leave out approvals:create or approvals:decide."
        raise Invalid(sentence, {"scopes": sentence})
    user = await queries.user_by_id(session, user_id)
    if user is None:
        raise UserNotFound
    if Scope.ADMIN in scopes and user.role != "admin":
        raise Invalid("Only an administrator's token can have the scope admin.", {"scopes": "Leave out admin."})
    if await token_queries.count_tokens(session, user_id) >= MOST:
        raise Conflict(f"You have {MOST} tokens. Revoke one that is not used any more.")
    token, token_id = START + mint(), uuid7()
    await token_queries.insert_token(
        session,
        id=token_id,
        user_id=user_id,
        name=name,
        prefix=token[:SHOWN],
        token_hash=digest(token),
        scopes=[scope.value for scope in Scope if scope in scopes],
        lasts=lasts,
        now=now,
    )
    data = NewTokenData(user.id, token_id)
    await mail.send(session, template="token_created", to=user.email, data=data, owner_id=user.id)
    return token


async def name_of(session: Session, user_id: UUID, token_id: UUID) -> str:
    """What its person calls it; "" once it is revoked."""
    token = await token_queries.find_token(session, user_id, token_id)
    return token.name if token else ""


class AskingToken(NamedTuple):
    """One that may ask people, and whose it is. `trusted_by`: an administrator's address, or OPERATOR."""

    id: UUID
    name: str
    prefix: str
    owner: str
    trusted_by: str | None


async def asking_tokens(session: Session, prefix: str = "") -> list[AskingToken]:
    """Everybody's, the newest first; with a `prefix`, a whole token too, those that begin with it."""
    found = await token_queries.asking_tokens(session, prefix=prefix[:SHOWN], limit=MOST_SHOWN)
    return [AskingToken(token.id, token.name, token.prefix, owner, token.trusted_by) for token, owner in found]


async def is_trusted(session: Session, token_id: UUID) -> bool:
    """Whether links in what it asks can be followed. A revoked one is not, nor what is no token."""
    return await token_queries.trusted_by(session, token_id) is not None


async def trust_token(session: WriteSession, by: Principal | None, token_id: UUID, *, trusted: bool) -> None:
    """For administrators, and operators at the command line (None). Raises Forbidden, TokenNotFound."""
    if by is not None and not by.is_admin:
        raise Forbidden("Only administrators decide which programs are trusted.")
    name = by.email if by else OPERATOR
    if not await token_queries.set_trusted(session, token_id, name if trusted else None):
        raise TokenNotFound


async def revoke_token(session: WriteSession, user_id: UUID, token_id: UUID) -> None:
    """Within a second it is worth nothing. Raises TokenNotFound, also for somebody else's."""
    if not await token_queries.delete_token(session, user_id, token_id):
        raise TokenNotFound
