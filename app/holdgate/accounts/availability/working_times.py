"""When people work: what each has chosen, and what holds for who has not."""

from collections.abc import Iterable
from datetime import time
from uuid import UUID

from holdgate.accounts.availability import public_holidays, queries
from holdgate.accounts.availability.working_hours import SHORTEST, WorkingHours
from holdgate.core.db import Session, WriteSession
from holdgate.core.errors import Invalid
from holdgate.core.text import zones


async def hours_of(session: Session, emails: Iterable[str]) -> dict[str, WorkingHours]:
    """Address in small letters → when that person works, also of those who have no account."""
    wanted = sorted({email.lower() for email in emails})
    found = {email: _hours(*row) for email, *row in await queries.working_times_of(session, wanted)}
    return {email: found.get(email, WorkingHours()) for email in wanted}


async def own_hours(session: Session, user_id: UUID) -> WorkingHours:
    row = await queries.working_time_of(session, user_id)
    return WorkingHours() if row is None else _hours(*row)


async def choose_hours(session: WriteSession, user_id: UUID, hours: WorkingHours) -> None:
    """Requests whose time runs keep their deadlines. Raises Invalid."""
    if not hours.days or not set(hours.days) <= set(range(1, 8)):
        raise Invalid("Choose at least one day.", {"days": "Choose at least one day."})
    if hours.length < SHORTEST:
        sentence = "The end must be at least an hour after the beginning, on the same day."
        raise Invalid(sentence, {"ends": sentence})
    if not zones.is_zone(hours.zone):
        raise Invalid("Unknown time zone.", {"zone": "Choose one of the offered zones."})
    if problem := public_holidays.problem_with(hours.holidays):
        raise Invalid(problem, {"holidays": problem})
    await queries.upsert_working_time(session, user_id, hours)


def _hours(
    zone: str | None,
    days: list[int] | None,
    starts: time | None,
    ends: time | None,
    quiet: bool | None,
    holidays: str | None,
) -> WorkingHours:
    """Without a choice of their own the usual hours, in the zone in which they read times."""
    zone = zone if zone and zones.is_zone(zone) else "UTC"
    if not days or starts is None or ends is None:
        return WorkingHours(zone=zone)
    return WorkingHours(
        days=tuple(days), starts=starts, ends=ends, zone=zone, quiet=bool(quiet), holidays=holidays or ""
    )
