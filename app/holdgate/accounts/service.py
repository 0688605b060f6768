"""People: finding and adding them, their role, shutting them out. What other features may use."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from holdgate.accounts import queries
from holdgate.accounts.availability import queries as availability_queries
from holdgate.accounts.errors import AccessEnded, LastAdmin, SessionNotFound, UserNotFound
from holdgate.accounts.mails import InvitationData
from holdgate.accounts.models import User
from holdgate.accounts.sign_in import queries as link_queries
from holdgate.accounts.sign_in.links import may_sign_in
from holdgate.accounts.tokens import queries as token_queries
from holdgate.core.db import Session, WriteSession
from holdgate.core.errors import Invalid
from holdgate.core.principal import Principal
from holdgate.core.text import zones
from holdgate.core.text.addresses import BadAddress, canonical_address, checked_address, same_person
from holdgate.mail import service as mail

Role = Literal["member", "admin"]


async def find_user(session: Session, user_id: UUID) -> User | None:
    return await queries.user_by_id(session, user_id)


async def emails_of(session: Session, user_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Of many people at once, for lists."""
    return await queries.emails_of(session, user_ids) if user_ids else {}


async def count_users(session: Session) -> int:
    return await queries.count_users(session)


async def has_token(session: Session, user_id: UUID) -> bool:
    """Whether the person has a token for programs."""
    return await queries.has_token(session, user_id)


async def find_user_by_email(session: Session, email: str) -> User | None:
    """In whatever spelling; nobody has what is no address."""
    try:
        return await queries.user_by_email(session, checked_address(email))
    except BadAddress:
        return None


async def disabled_among(session: Session, emails: Iterable[str], *, lock: bool = False) -> frozenset[str]:
    """Those of the addresses whose person is disabled. An address that has an account is judged by that; one with a tag
    behind a plus and without an account by the account of the same address without it.

    Args:
        lock: nobody is disabled or enabled before the transaction ends.
    """
    given = [email.lower() for email in emails]
    if not given:
        return frozenset()
    found = await queries.disabled_of(session, [*given, *map(canonical_address, given)], lock=lock)
    return frozenset(email for email in given if is_disabled(email, found))


def is_disabled(email: str, known: Mapping[str, bool]) -> bool:
    """As `disabled_among` judges. `known`: address in small letters → whether its person is, of those with an account;
    among them that of this address, and of the same without its tag."""
    return known.get(email.lower(), known.get(canonical_address(email), False))


async def check_access(session: WriteSession, email: str) -> None:
    """Nobody is disabled between this and the end of the transaction. Raises AccessEnded."""
    if await disabled_among(session, [email], lock=True):
        raise AccessEnded


async def add_user(session: WriteSession, email: str, *, admin: bool = False, name: str = "") -> User:
    """The person with that address, made if there is none. Asking again is harmless: it never takes a role away.

    Raises:
        BadAddress
    """
    address = checked_address(email)
    made = await queries.insert_user(session, address, name=" ".join(name.split())[:200], role=_role(admin))
    if made is not None:
        return made
    user = await queries.user_by_email(session, address)
    assert user is not None
    if admin and user.role != "admin":
        user = await queries.set_role(session, user.id, "admin")
        assert user is not None
    return user


async def invite(session: WriteSession, by: Principal, user: User) -> None:
    """Tell them by mail that they have access."""
    data = InvitationData(user.id, by.email)
    await mail.send(session, template="invitation", to=user.email, data=data, owner_id=by.id)


def _role(admin: bool) -> Role:
    return "admin" if admin else "member"


async def change_role(session: WriteSession, user_id: UUID, role: Role) -> User:
    """Raises:
    UserNotFound, LastAdmin
    """
    if role != "admin":
        await _keep_an_admin(session, user_id)
    user = await queries.set_role(session, user_id, role)
    if user is None:
        raise UserNotFound
    return user


async def disable(session: WriteSession, user_id: UUID) -> User:
    """Shut a person out: their sessions end with this transaction; their tokens, links, schedules and webhooks, and all
    mail to them, stop for as long as they are disabled. What they started goes on.

    Raises:
        UserNotFound, LastAdmin
    """
    await _keep_an_admin(session, user_id)
    user = await queries.set_disabled(session, user_id, True)
    if user is None:
        raise UserNotFound
    await queries.delete_sessions(session, user_id)
    return user


async def enable(session: WriteSession, user_id: UUID) -> User:
    """Raises:
    UserNotFound
    """
    user = await queries.set_disabled(session, user_id, False)
    if user is None:
        raise UserNotFound
    return user


async def _keep_an_admin(session: WriteSession, user_id: UUID) -> None:
    await queries.lock_admins(session)
    user = await queries.user_by_id(session, user_id)
    if user is None or user.role != "admin" or user.disabled_at is not None:
        return
    if not await queries.another_admin_exists(session, user_id):
        raise LastAdmin


async def admin_addresses(session: Session) -> list[str]:
    """Of all administrators who have access."""
    return await queries.admin_addresses(session)


async def take_email(
    session: WriteSession, user_id: UUID, most: int, *, now: datetime | None = None
) -> timedelta | None:
    """One of the `most` emails that a person may send within a day: so many at once after a rest, and as many a day on
    average. None: it was there; else how long until there is one, and nothing was taken."""
    return await queries.take_email(session, user_id, timedelta(days=1) // most, now=now)


def is_colleague(email: str, address: str, signup: str) -> bool:
    """Whether whoever has `email` may write to the address without anybody's say: it is theirs, or of the domain that
    signs up by itself. Who has an account is not asked, since what becomes of an email would tell.

    Args:
        signup: the setting SIGNUP; where it is open, everybody else is a stranger.
    """
    return same_person(address, email) or may_sign_in(None, address, "invite" if signup == "open" else signup)


async def choose_time_zone(session: WriteSession, user_id: UUID, name: str | None) -> None:
    """In which zone times are shown to them; None: their browser's. Raises Invalid."""
    if name is not None and not zones.is_zone(name):
        raise Invalid("Unknown time zone.", {"time_zone": "Choose one of the offered zones."})
    await queries.set_time_zone(session, user_id, name)


async def choose_run_notices(session: WriteSession, user_id: UUID, wanted: bool) -> None:
    """Whether they want a mail when one of their runs has finished."""
    await queries.set_run_notices(session, user_id, wanted)


async def choose_shortcuts(session: WriteSession, user_id: UUID, wanted: bool) -> None:
    """Whether single keys do something on their pages."""
    await queries.set_shortcuts(session, user_id, wanted)


async def end_session(session: WriteSession, user_id: UUID, session_id: UUID) -> None:
    """Raises:
    SessionNotFound: it has ended, or is somebody else's.
    """
    if not await queries.delete_sessions(session, user_id, only=session_id):
        raise SessionNotFound


async def end_sessions(session: WriteSession, user_id: UUID, *, but: UUID | None = None) -> int:
    """Sign out everywhere, `but` here. Returns in how many places."""
    return await queries.delete_sessions(session, user_id, but=but)


async def forget_ended(session: WriteSession, *, now: datetime | None = None) -> None:
    """Delete sign-in links and sessions that ended more than a day ago; tokens and absences that are long over."""
    await link_queries.delete_ended_links(session, now=now)
    await queries.delete_ended_sessions(session, now=now)
    await token_queries.delete_ended_tokens(session, now=now)
    await availability_queries.delete_ended(session, now=now)
