"""Statements about absences and working times. Times are the database's; `now=` is for tests."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, and_, delete, func, insert, literal, or_, select
from sqlalchemy.dialects.postgresql import insert as upsert

from holdgate.accounts.availability.working_hours import WorkingHours
from holdgate.accounts.models import Absence, User, WorkingTime
from holdgate.accounts.queries import at
from holdgate.core.db import Session, WriteSession

KEPT = timedelta(days=30)  # after its end, for whoever asks why somebody else was asked


async def lock_person(session: WriteSession, user_id: UUID) -> User | None:
    """One change of their absences at a time."""
    return (await session.execute(select(User).where(User.id == user_id).with_for_update())).scalar_one_or_none()


async def absences_of(session: Session, user_id: UUID) -> Sequence[Absence]:
    """Those that are not over, the next first."""
    statement = (
        select(Absence).where(Absence.user_id == user_id, Absence.ends_at > func.now()).order_by(Absence.starts_at)
    )
    return (await session.execute(statement)).scalars().all()


class PersonNow(NamedTuple):
    """Somebody with an account. `substitute`: whom they named, if they are away."""

    id: UUID
    email: str
    disabled: bool
    away: bool
    substitute: str | None


async def people_now(session: Session, emails: Iterable[str], id: UUID | None) -> list[PersonNow]:
    """Those with these addresses (in small letters) or this id."""
    rows = await session.execute(
        select(User.id, User.email, User.disabled_at.is_not(None), Absence.id.is_not(None), Absence.substitute)
        .outerjoin(Absence, and_(Absence.user_id == User.id, _covers(at(None))))
        .where(or_(func.lower(User.email).in_(sorted(emails)), User.id == id))
    )
    return [PersonNow(*row) for row in rows]


def _covers(moment: ColumnElement[datetime]) -> ColumnElement[bool]:
    return and_(Absence.starts_at <= moment, Absence.ends_at > moment)


async def away_among(session: Session, emails: Iterable[str], *, now: datetime | None = None) -> dict[str, str | None]:
    """Address → the substitute's, or None without one, of those who are away now."""
    rows = await session.execute(
        select(func.lower(User.email), Absence.substitute)
        .join(Absence, Absence.user_id == User.id)
        .where(func.lower(User.email).in_(sorted({email.lower() for email in emails})), _covers(at(now)))
    )
    return {email: substitute for email, substitute in rows}


async def is_over(session: Session, moment: datetime) -> bool:
    return bool(await session.scalar(select(literal(moment, User.created_at.type) <= func.now())))


async def insert_absence(
    session: WriteSession, id: UUID, user_id: UUID, starts_at: datetime, ends_at: datetime, substitute: str | None
) -> None:
    await session.execute(
        insert(Absence).values(id=id, user_id=user_id, starts_at=starts_at, ends_at=ends_at, substitute=substitute)
    )


async def delete_absence(session: WriteSession, user_id: UUID, absence_id: UUID) -> bool:
    gone = delete(Absence).where(Absence.id == absence_id, Absence.user_id == user_id).returning(Absence.id)
    return (await session.execute(gone)).first() is not None


async def delete_ended(session: WriteSession, *, now: datetime | None = None) -> None:
    await session.execute(delete(Absence).where(Absence.ends_at < at(now) - KEPT))


# Working time: zone, days, starts, ends, quiet, holidays; the zone alone of who has chosen nothing else.

_CHOSEN = (
    func.coalesce(WorkingTime.zone, User.time_zone),
    WorkingTime.days,
    WorkingTime.starts,
    WorkingTime.ends,
    WorkingTime.quiet,
    WorkingTime.holidays,
)


async def working_times_of(session: Session, emails: Sequence[str]) -> list[Any]:
    """Of many people at once, each after their address."""
    rows = await session.execute(
        select(func.lower(User.email), *_CHOSEN)
        .outerjoin(WorkingTime, WorkingTime.user_id == User.id)
        .where(func.lower(User.email).in_(emails))
    )
    return list(rows)


async def working_time_of(session: Session, user_id: UUID) -> Any:
    rows = await session.execute(
        select(*_CHOSEN)
        .select_from(User)
        .outerjoin(WorkingTime, WorkingTime.user_id == User.id)
        .where(User.id == user_id)
    )
    return rows.first()


async def upsert_working_time(session: WriteSession, user_id: UUID, hours: WorkingHours) -> None:
    values = {**msgspec.structs.asdict(hours), "days": list(hours.days)}
    statement = upsert(WorkingTime).values(user_id=user_id, **values)
    await session.execute(statement.on_conflict_do_update(index_elements=[WorkingTime.user_id], set_=values))
