"""Statements about sign-in links. A link is live while it is unused, unexpired and not guessed at too often."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, delete, exists, func, insert, null, or_, select, update

from holdgate.accounts.models import LoginLink
from holdgate.accounts.queries import at
from holdgate.core.db import Session, WriteSession
from holdgate.core.ids import uuid7

LINK_LASTS = timedelta(minutes=15)
GUESSES = 5
AGAIN = timedelta(minutes=1)  # so young, a link is not followed by another to the same browser
KEPT = timedelta(days=90)  # what was used: its network is known as its person's


class Tried(NamedTuple):
    """What became of a try to use a link: `used`, or how many wrong codes it has seen."""

    used: bool
    wrong_codes: int
    email: str
    next_path: str


def live(now: datetime | None) -> ColumnElement[bool]:
    return and_(LoginLink.used_at.is_(None), LoginLink.expires_at > at(now), LoginLink.wrong_codes < GUESSES)


async def lock_person(session: WriteSession, person: str) -> None:
    """One request for a person at a time, so that their emails can be counted."""
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(person, 7))))


async def asked_just_now(
    session: WriteSession, email: str, browser_hash: bytes, *, now: datetime | None = None
) -> bool:
    """Whether this very browser has a living link to this address that is younger than a minute."""
    young = exists().where(
        func.lower(LoginLink.email) == email,
        LoginLink.browser_hash == browser_hash,
        LoginLink.created_at > at(now) - AGAIN,
        live(now),
    )
    return bool(await session.scalar(select(young)))


class Mailed(NamedTuple):
    """Sign-in emails that were sent: to a person within a day, asked for from one network, and from any that is not
    known as theirs; to everybody within an hour. `known`: they have signed in from that network before."""

    from_here: int
    from_strange: int
    to_everybody: int
    known: bool


async def mailed_to(session: WriteSession, person: str, network: str, *, now: datetime | None = None) -> Mailed:
    theirs = select(LoginLink.network).where(
        LoginLink.person == person, LoginLink.used_at > at(now) - KEPT, LoginLink.network.is_not(None)
    )
    today = select(func.count()).where(
        LoginLink.person == person, LoginLink.mailed, LoginLink.created_at > at(now) - timedelta(days=1)
    )
    everybody = select(func.count()).where(LoginLink.mailed, LoginLink.created_at > at(now) - timedelta(hours=1))
    row = await session.execute(
        select(
            today.where(LoginLink.network == network).scalar_subquery(),
            today.where(LoginLink.network.not_in(theirs)).scalar_subquery(),
            everybody.scalar_subquery(),
            theirs.where(LoginLink.network == network).exists(),
        )
    )
    return Mailed(*row.one())


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
    names = ("email", "browser_hash", "code_hash", "next_path", "created_at", "person", "network")
    kept = {name: getattr(first, name) for name in names}
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
    over = and_(LoginLink.expires_at < at(now) - timedelta(days=1), LoginLink.used_at.is_(None))
    await session.execute(delete(LoginLink).where(or_(over, LoginLink.used_at < at(now) - KEPT)))
