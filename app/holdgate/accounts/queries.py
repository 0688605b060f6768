"""Statements about people and their sessions, one function each. Times are the database's; `now=` is for tests."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, exists, func, insert, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from holdgate.accounts.models import ApiToken, User, UserSession
from holdgate.core.db import Session, WriteSession
from holdgate.core.ids import uuid7
from holdgate.core.paging import count_rows

SESSION_LASTS = timedelta(days=30)
SEEN_EVERY = timedelta(minutes=5)


class SessionUser(NamedTuple):
    """A session's person. `stale`: it has not been noted for a while that they were here."""

    session_id: UUID
    id: UUID
    email: str
    name: str
    role: str
    stale: bool
    time_zone: str | None
    shortcuts: bool


def at(now: datetime | None) -> ColumnElement[datetime]:
    """The statement's time."""
    return func.now() if now is None else literal(now, User.created_at.type)


def same_address(email: str) -> ColumnElement[bool]:
    """`email` is canonical; what an early release has stored may have capitals."""
    return func.lower(User.email) == email


# People


async def user_by_id(session: Session, user_id: UUID) -> User | None:
    return await session.get(User, user_id)


async def user_by_email(session: Session, email: str) -> User | None:
    return (await session.execute(select(User).where(same_address(email)))).scalar_one_or_none()


async def disabled_of(session: Session, emails: Iterable[str], *, lock: bool = False) -> dict[str, bool]:
    """Address → whether it is disabled, of those that have an account. `lock`: so it stays in this transaction."""
    statement = select(func.lower(User.email), User.disabled_at.is_not(None)).where(
        func.lower(User.email).in_(sorted(set(emails)))
    )
    rows = await session.execute(statement.with_for_update(read=True) if lock else statement)
    return {email: disabled for email, disabled in rows}


async def users_page(session: Session, *, search: str, after: str, limit: int) -> Sequence[User]:
    """People by address, those after the address `after`."""
    statement = _users_like(search).order_by(func.lower(User.email)).limit(limit)
    if after:
        statement = statement.where(func.lower(User.email) > after.lower())
    return (await session.execute(statement)).scalars().all()


async def count_found(session: Session, *, search: str) -> int | None:
    """None: too many to count."""
    return await count_rows(session, _users_like(search))


def _users_like(search: str) -> Select[User]:
    if not search:
        return select(User)
    among = (func.lower(column).contains(search.lower(), autoescape=True) for column in (User.email, User.name))
    return select(User).where(or_(*among))


async def insert_user(session: WriteSession, email: str, *, name: str = "", role: str = "member") -> User | None:
    """The new person, or None when the address is taken."""
    statement = (
        upsert(User).values(id=uuid7(), email=email, name=name, role=role).on_conflict_do_nothing().returning(User)
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def note_sign_in(session: WriteSession, email: str, *, now: datetime | None = None) -> User | None:
    """The person with that address, disabled or not; when they signed in last is written down."""
    statement = update(User).where(same_address(email)).values(signed_in_at=at(now)).returning(User)
    return (await session.execute(statement)).scalar_one_or_none()


async def lock_admins(session: WriteSession) -> None:
    """One change of administrators at a time: two may not each count on the other one staying."""
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtext("holdgate.admins"))))


async def another_admin_exists(session: WriteSession, user_id: UUID) -> bool:
    other = exists().where(User.id != user_id, User.role == "admin", User.disabled_at.is_(None))
    return bool(await session.scalar(select(other)))


async def admin_addresses(session: Session) -> list[str]:
    admins = select(User.email).where(User.role == "admin", User.disabled_at.is_(None)).order_by(User.email)
    return list((await session.execute(admins)).scalars())


async def set_role(session: WriteSession, user_id: UUID, role: str) -> User | None:
    statement = update(User).where(User.id == user_id).values(role=role).returning(User)
    return (await session.execute(statement)).scalar_one_or_none()


async def set_disabled(session: WriteSession, user_id: UUID, disabled: bool) -> User | None:
    value = func.coalesce(User.disabled_at, func.now()) if disabled else None
    statement = update(User).where(User.id == user_id).values(disabled_at=value).returning(User)
    return (await session.execute(statement)).scalar_one_or_none()


async def set_run_notices(session: WriteSession, user_id: UUID, wanted: bool) -> None:
    await session.execute(
        update(User).where(User.id == user_id).values(run_notices=wanted).execution_options(synchronize_session=False)
    )


async def take_email(
    session: WriteSession, user_id: UUID, each: timedelta, *, now: datetime | None = None
) -> timedelta | None:
    """One email uses up `each` of a day. None: there was room for it; else how long until there is."""
    until = func.greatest(func.coalesce(User.emails_until, at(now)), at(now), type_=User.emails_until.type) + each
    room = at(now) + timedelta(days=1)
    taken = update(User).where(User.id == user_id, until <= room).values(emails_until=until).returning(User.id)
    if (await session.execute(taken.execution_options(synchronize_session=False))).first() is not None:
        return None
    wait = await session.execute(select(until - room).where(User.id == user_id))
    return wait.scalar_one_or_none() or timedelta()


async def set_name(session: WriteSession, user_id: UUID, name: str) -> None:
    await session.execute(update(User).where(User.id == user_id).values(name=name))


async def set_time_zone(session: WriteSession, user_id: UUID, name: str | None) -> None:
    await session.execute(update(User).where(User.id == user_id).values(time_zone=name))


async def set_shortcuts(session: WriteSession, user_id: UUID, wanted: bool) -> None:
    await session.execute(
        update(User).where(User.id == user_id).values(shortcuts=wanted).execution_options(synchronize_session=False)
    )


async def emails_of(session: Session, user_ids: Sequence[UUID]) -> dict[UUID, str]:
    rows = await session.execute(select(User.id, User.email).where(User.id.in_(user_ids)))
    return {id: email for id, email in rows}


async def count_users(session: Session) -> int:
    return int((await session.execute(select(func.count()).select_from(User))).scalar_one())


async def has_token(session: Session, user_id: UUID) -> bool:
    found = await session.execute(select(ApiToken.id).where(ApiToken.user_id == user_id).limit(1))
    return found.first() is not None


# Sessions


async def insert_session(
    session: WriteSession,
    token_hash: bytes,
    user_id: UUID,
    *,
    address: str,
    user_agent: str,
    now: datetime | None = None,
) -> None:
    await session.execute(
        insert(UserSession).values(
            token_hash=token_hash,
            id=uuid7(),
            user_id=user_id,
            created_at=at(now),
            seen_at=at(now),
            expires_at=at(now) + SESSION_LASTS,
            address=address[:100],
            user_agent=user_agent[:300],
        )
    )


async def session_person(session: Session, token_hash: bytes, *, now: datetime | None = None) -> SessionUser | None:
    """Whose live session this is. The only query of a request that is not its handler's."""
    statement = (
        select(
            UserSession.id,
            User.id,
            User.email,
            User.name,
            User.role,
            UserSession.seen_at < at(now) - SEEN_EVERY,
            User.time_zone,
            User.shortcuts,
        )
        .join(User, User.id == UserSession.user_id)
        .where(UserSession.token_hash == token_hash, UserSession.expires_at > at(now), User.disabled_at.is_(None))
    )
    row = (await session.execute(statement)).one_or_none()
    return SessionUser._make(row) if row else None


async def note_seen(session: WriteSession, token_hash: bytes, *, now: datetime | None = None) -> None:
    await session.execute(
        update(UserSession)
        .where(UserSession.token_hash == token_hash, UserSession.seen_at < at(now) - SEEN_EVERY)
        .values(seen_at=at(now))
    )


async def sessions_of(session: Session, user_id: UUID, *, now: datetime | None = None) -> Sequence[UserSession]:
    """The live ones, last used first."""
    statement = (
        select(UserSession)
        .where(UserSession.user_id == user_id, UserSession.expires_at > at(now))
        .order_by(UserSession.seen_at.desc(), UserSession.created_at.desc())
    )
    return (await session.execute(statement)).scalars().all()


async def delete_session_by_token(session: WriteSession, token_hash: bytes) -> None:
    await session.execute(delete(UserSession).where(UserSession.token_hash == token_hash))


async def delete_sessions(
    session: WriteSession, user_id: UUID, *, only: UUID | None = None, but: UUID | None = None
) -> int:
    """End one session (`only`), all, or all `but` one. Returns how many."""
    statement = delete(UserSession).where(UserSession.user_id == user_id)
    if only is not None:
        statement = statement.where(UserSession.id == only)
    if but is not None:
        statement = statement.where(UserSession.id != but)
    return len((await session.execute(statement.returning(UserSession.id))).all())


async def delete_ended_sessions(session: WriteSession, *, now: datetime | None = None) -> None:
    await session.execute(delete(UserSession).where(UserSession.expires_at < at(now) - timedelta(days=1)))
