"""Statements about API tokens, one function each."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import any_, bindparam, delete, func, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from holdgate.accounts.models import ApiToken, User
from holdgate.accounts.queries import at
from holdgate.core.db import Session, WriteSession
from holdgate.core.scopes import Scope

USED_EVERY = timedelta(minutes=1)


class Holder(NamedTuple):
    """A valid token's person. `stale`: its use has not been noted for a while."""

    token_id: UUID
    prefix: str
    scopes: list[str]
    user_id: UUID
    email: str
    name: str
    role: str
    stale: bool


# Made once: it is asked before every request of a program.
_HOLDER = (
    select(
        ApiToken.id,
        ApiToken.prefix,
        ApiToken.scopes,
        User.id,
        User.email,
        User.name,
        User.role,
        or_(ApiToken.used_at.is_(None), ApiToken.used_at < func.now() - USED_EVERY),
    )
    .join(User, User.id == ApiToken.user_id)
    .where(
        ApiToken.token_hash == bindparam("token_hash"),
        or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > func.now()),
        User.disabled_at.is_(None),
    )
)


async def holder_of(connection: AsyncConnection, token_hash: bytes) -> Holder | None:
    """None: unknown, revoked, expired, or its person is shut out."""
    row = (await connection.execute(_HOLDER, {"token_hash": token_hash})).first()
    return None if row is None else Holder(*row)


async def insert_token(
    session: WriteSession,
    *,
    id: UUID,
    user_id: UUID,
    name: str,
    prefix: str,
    token_hash: bytes,
    scopes: list[str],
    lasts: timedelta | None,
    now: datetime | None = None,
) -> None:
    await session.execute(
        insert(ApiToken).values(
            id=id,
            user_id=user_id,
            name=name,
            prefix=prefix,
            token_hash=token_hash,
            scopes=scopes,
            created_at=at(now),
            expires_at=None if lasts is None else at(now) + lasts,
        )
    )


async def tokens_of(session: Session, user_id: UUID) -> Sequence[ApiToken]:
    """Newest first, with those that have expired."""
    found = await session.execute(select(ApiToken).where(ApiToken.user_id == user_id).order_by(ApiToken.id.desc()))
    return found.scalars().all()


async def find_token(session: Session, user_id: UUID, token_id: UUID) -> ApiToken | None:
    mine = (ApiToken.id == token_id) & (ApiToken.user_id == user_id)
    return (await session.execute(select(ApiToken).where(mine))).scalar()


async def asking_tokens(session: Session, *, prefix: str = "", limit: int) -> list[tuple[ApiToken, str]]:
    """Everybody's that may ask people, with the addresses of their owners; newest first. `prefix`: only those."""
    asks = literal(Scope.APPROVALS_CREATE.value) == any_(ApiToken.scopes)
    these = ApiToken.prefix.startswith(prefix, autoescape=True)
    rows = select(ApiToken, User.email).join(User, User.id == ApiToken.user_id).where(asks, these)
    found = await session.execute(rows.order_by(ApiToken.id.desc()).limit(limit))
    return [(token, email) for token, email in found]


async def trusted_by(session: Session, token_id: UUID) -> str | None:
    """The administrator who trusts it; None also for one that is revoked."""
    found = await session.execute(select(ApiToken.trusted_by).where(ApiToken.id == token_id))
    return found.scalar_one_or_none()


async def set_trusted(session: WriteSession, token_id: UUID, by: str | None) -> bool:
    changed = await session.execute(
        update(ApiToken)
        .where(ApiToken.id == token_id)
        .values(trusted_by=by)
        .returning(ApiToken.id)
        .execution_options(synchronize_session=False)
    )
    return changed.first() is not None


async def count_tokens(session: Session, user_id: UUID) -> int:
    found = await session.execute(select(func.count()).select_from(ApiToken).where(ApiToken.user_id == user_id))
    return found.scalar_one()


async def delete_token(session: WriteSession, user_id: UUID, token_id: UUID) -> bool:
    gone = await session.execute(
        delete(ApiToken).where(ApiToken.id == token_id, ApiToken.user_id == user_id).returning(ApiToken.id)
    )
    return gone.first() is not None


async def note_use(session: WriteSession, token_id: UUID) -> None:
    await session.execute(
        update(ApiToken)
        .where(ApiToken.id == token_id)
        .values(used_at=func.now())
        .execution_options(synchronize_session=False)
    )


async def delete_ended_tokens(session: WriteSession, *, now: datetime | None = None) -> None:
    """Those that expired a month ago: until then their owner sees why a program stopped."""
    await session.execute(delete(ApiToken).where(ApiToken.expires_at < at(now) - timedelta(days=30)))
