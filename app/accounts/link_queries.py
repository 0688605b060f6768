"""Statements about sign-in links. A link is live while it is unused, unexpired and not guessed at too often."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, delete, func, insert, null, or_, select, update

from app.accounts.models import LoginLink
from app.accounts.queries import at
from app.core.db import Session, WriteSession
from app.core.ids import uuid7

LINK_LASTS = timedelta(minutes=15)
LIVE_LINKS = 3
GUESSES = 5


class Tried(NamedTuple):
    """What became of a try to use a link: `used`, or how many wrong codes it has seen."""

    used: bool
    wrong_codes: int
    email: str
    next_path: str


def live(now: datetime | None) -> ColumnElement[bool]:
    return and_(LoginLink.used_at.is_(None), LoginLink.expires_at > at(now), LoginLink.wrong_codes < GUESSES)


def for_address(email: str) -> ColumnElement[bool]:
    return func.lower(LoginLink.email) == func.lower(email)


async def lock_address(session: WriteSession, email: str) -> None:
    """One request for an address at a time, so that its live links can be counted."""
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(func.lower(email), 7))))


async def end_older_links(session: WriteSession, email: str, *, now: datetime | None = None) -> None:
    """Make room for one more: only the newest links but one of those allowed stay live."""
    surplus = (
        select(LoginLink.id)
        .where(for_address(email), live(now))
        .order_by(LoginLink.created_at.desc(), LoginLink.id.desc())
        .offset(LIVE_LINKS - 1)
    )
    await session.execute(
        update(LoginLink)
        .where(LoginLink.id.in_(surplus))
        .values(expires_at=at(now))
        .execution_options(synchronize_session=False)
    )


async def insert_link(
    session: WriteSession, values: dict[str, Any], *, lasts: timedelta = LINK_LASTS, now: datetime | None = None
) -> UUID:
    """Returns the new link's id."""
    link_id = uuid7()
    await session.execute(
        insert(LoginLink).values({**values, "id": link_id, "created_at": at(now), "expires_at": at(now) + lasts})
    )
    return link_id


async def give_token(
    session: WriteSession, link_id: UUID, token_hash: bytes, *, now: datetime | None = None
) -> str | None:
    """Store the token that a mail carries; its time starts now. Returns the address, or None when the link is over.

    A mail that is rendered again gets a row of its own: the token of the first may have arrived after all.
    """
    filled = (
        update(LoginLink)
        .where(LoginLink.id == link_id, live(now), LoginLink.token_hash.is_(None))
        .values(token_hash=token_hash, expires_at=at(now) + LINK_LASTS)
        .returning(LoginLink.email)
    )
    email = await session.scalar(filled)
    if email is not None:
        return email
    first = (await session.execute(select(LoginLink).where(LoginLink.id == link_id, live(now)))).scalar_one_or_none()
    if first is None:
        return None
    kept = {name: getattr(first, name) for name in ("email", "browser_hash", "code_hash", "next_path", "created_at")}
    values = {**kept, "id": uuid7(), "token_hash": token_hash, "expires_at": at(now) + LINK_LASTS}
    await session.execute(insert(LoginLink).values(values))
    return first.email


async def live_link(session: Session, token_hash: bytes, *, now: datetime | None = None) -> LoginLink | None:
    statement = select(LoginLink).where(LoginLink.token_hash == token_hash, live(now))
    return (await session.execute(statement)).scalar_one_or_none()


async def try_link(
    session: WriteSession,
    token_hash: bytes,
    *,
    browser_hash: bytes | None,
    code_hash: bytes | None,
    now: datetime | None = None,
) -> Tried | None:
    """The one UPDATE that uses a link up, or counts a wrong code: no two guesses are made at the same count.

    Returns:
        None when the link is not live.
    """
    fits = or_(
        LoginLink.browser_hash.is_(None),
        func.coalesce(LoginLink.browser_hash == browser_hash, False),
        func.coalesce(LoginLink.code_hash == code_hash, False),
    )
    guessed = 1 if code_hash is not None else 0
    statement = (
        update(LoginLink)
        .where(LoginLink.token_hash == token_hash, live(now))
        .values(
            used_at=case((fits, at(now)), else_=null()),
            wrong_codes=LoginLink.wrong_codes + case((fits, 0), else_=guessed),
        )
        .returning(LoginLink.used_at.is_not(None), LoginLink.wrong_codes, LoginLink.email, LoginLink.next_path)
    )
    row = (await session.execute(statement)).one_or_none()
    return Tried(*row) if row else None


async def delete_ended_links(session: WriteSession, *, now: datetime | None = None) -> None:
    await session.execute(delete(LoginLink).where(LoginLink.expires_at < at(now) - timedelta(days=1)))
