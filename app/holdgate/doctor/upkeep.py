"""What the doctor does by itself: in production it looks every few minutes, and tells administrators by email."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from redis.asyncio import Redis
from sqlalchemy import ColumnElement, DateTime, delete, func, literal
from sqlalchemy.dialects.postgresql import insert

from holdgate.accounts import service as accounts
from holdgate.core.config import Settings
from holdgate.core.db import Database, WriteSession
from holdgate.core.upkeep import SAFETY, Round, Upkeep
from holdgate.doctor.findings import DoctorReport, Health, Installation
from holdgate.doctor.mails import DoctorData
from holdgate.doctor.models import DoctorNotice
from holdgate.mail import service as mail

AGAIN = timedelta(days=1)  # until a check that still fails is told again; a warning is told once


async def tell_admins(
    session: WriteSession, reports: Sequence[DoctorReport], *, now: datetime | None = None
) -> list[DoctorReport]:
    """Send what is new to every administrator, and forget what is well again. Returns what was sent."""
    at: ColumnElement[datetime] = func.now() if now is None else literal(now, DateTime(timezone=True))
    well = [report.check for report in reports if report.health is Health.OK]
    await session.execute(delete(DoctorNotice).where(DoctorNotice.check.in_(well)))
    # The statement that notes it says whether it is new: each worker looks, perhaps at the same moment.
    new = []
    for report in reports:
        if report.health is Health.OK:
            continue
        note = insert(DoctorNotice).values(check=report.check, told_at=at)
        if report.health is Health.WARN:
            note = note.on_conflict_do_nothing()
        else:
            again = DoctorNotice.told_at <= at - AGAIN
            note = note.on_conflict_do_update(index_elements=["check"], set_={"told_at": at}, where=again)
        if (await session.execute(note.returning(DoctorNotice.check))).first() is not None:
            new.append(report)
    for address in await accounts.admin_addresses(session) if new else ():
        await mail.send(session, template="doctor_found", to=address, data=DoctorData(new))
    return new


async def _examine(database: Database, settings: Settings) -> None:
    # Imported when it looks: some checks need what a worker has no other use for.
    from holdgate.core.revisions import head
    from holdgate.doctor import examination

    redis = Redis.from_url(settings.redis_url, socket_connect_timeout=2, socket_timeout=2)
    try:
        patient = Installation(settings=settings, database=database, redis=redis, head=head())
        reports = await examination.examine_inside(patient)
    finally:
        await redis.aclose()
    async with database.write("system") as session:
        await tell_admins(session, reports)


async def _look(session: WriteSession, sweep: Round) -> bool:
    if not sweep.settings.development:
        sweep.after.append(partial(_examine, sweep.database, sweep.settings))
    return False


UPKEEP = (Upkeep("doctor", SAFETY, _look),)
