"""Being away: from when until when, and who is asked in one's place meanwhile."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from holdgate.accounts.availability import queries
from holdgate.accounts.errors import AbsenceNotFound, UserNotFound
from holdgate.accounts.queries import user_by_email
from holdgate.accounts.sign_in.links import may_sign_in
from holdgate.core.db import Session, WriteSession
from holdgate.core.errors import Invalid
from holdgate.core.ids import uuid7
from holdgate.core.text.addresses import BadAddress, checked_address, same_person

MOST = 20  # of one person that are not over
LONGEST = timedelta(days=2 * 366)


async def add_absence(
    session: WriteSession, user_id: UUID, starts_at: datetime, ends_at: datetime, substitute: str = ""
) -> UUID:
    """Requests that are open stay with whom they asked. Whether the substitute has an account is not told.

    Raises:
        UserNotFound, Invalid
    """
    person = await queries.lock_person(session, user_id)
    if person is None:
        raise UserNotFound
    in_place = _substitute(substitute, person.email)
    if ends_at <= starts_at:
        _refuse("ends_at", "The end must be after the beginning.")
    if ends_at - starts_at > LONGEST:
        _refuse("ends_at", "At most two years at a time.")
    if await queries.is_over(session, ends_at):
        _refuse("ends_at", "This period is in the past.")
    others = await queries.absences_of(session, user_id)
    if any(other.starts_at < ends_at and starts_at < other.ends_at for other in others):
        _refuse("starts_at", "Another absence covers part of this time. Delete that one first.")
    if len(others) >= MOST:
        _refuse("starts_at", f"You can plan at most {MOST} absences. Delete one first.")
    made = uuid7()
    await queries.insert_absence(session, made, user_id, starts_at, ends_at, in_place)
    return made


async def delete_absence(session: WriteSession, user_id: UUID, absence_id: UUID) -> None:
    """Raises AbsenceNotFound: also for somebody else's."""
    if not await queries.delete_absence(session, user_id, absence_id):
        raise AbsenceNotFound


def days(first: date, last: date, zone: str) -> tuple[datetime, datetime]:
    """The time of these days, the last included, as people of that zone have it."""
    there = ZoneInfo(zone or "UTC")
    return datetime.combine(first, time(), there), datetime.combine(last + timedelta(days=1), time(), there)


async def substitutes_of(
    session: Session, emails: Iterable[str], signup: str, *, now: datetime | None = None
) -> dict[str, str | None]:
    """Address → who can be asked instead, of those who are away now; None: nobody can.

    One step: a substitute who is away as well stands in for nobody, so there is no circle. Nor does one whom no email
    may be sent to: an absence is no way to write to strangers.
    """
    return await able_substitutes(session, await queries.away_among(session, emails, now=now), signup, now=now)


async def able_substitutes(
    session: Session, away: Mapping[str, str | None], signup: str, *, now: datetime | None = None
) -> dict[str, str | None]:
    """The same of those whom these people have named, who are away."""
    wanted = {substitute for substitute in away.values() if substitute}
    if not wanted:
        return dict(away)
    also_away = await queries.away_among(session, wanted, now=now)
    known = "invite" if signup == "open" else signup
    able = {
        one for one in sorted(wanted - also_away.keys()) if may_sign_in(await user_by_email(session, one), one, known)
    }
    return {email: substitute if substitute in able else None for email, substitute in away.items()}


def _substitute(text: str, own: str) -> str | None:
    if not text.strip():
        return None
    try:
        address = checked_address(text)
    except BadAddress as problem:
        raise Invalid(str(problem), {"substitute": str(problem)}) from None
    if same_person(address, own):
        _refuse("substitute", "That is the person who is away. Enter a colleague’s email.")
    return address


def _refuse(field: str, sentence: str) -> None:
    raise Invalid(sentence, {field: sentence})
