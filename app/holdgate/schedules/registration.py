"""Writing down the schedules that code declares, when a worker starts; from then on they are like all others."""

import msgspec

from holdgate.accounts import service as accounts
from holdgate.core.db import WriteSession
from holdgate.core.errors import AppError
from holdgate.core.principal import Principal
from holdgate.core.telemetry import log
from holdgate.schedules import declared, queries, service
from holdgate.schedules.cron import parse
from holdgate.schedules.declared import DeclaredSchedule

logger = log.get(__name__)


async def write_down(session: WriteSession) -> None:
    """Those of this process's code. One that cannot be is logged, and keeps nobody from working."""
    for each in declared.all_declared():
        try:
            await _write(session, each)
        except AppError as error:
            logger.warning("schedule_not_declared", schedule=each.plan.name, problem=str(error))


async def _write(session: WriteSession, given: DeclaredSchedule) -> None:
    person = await accounts.find_user_by_email(session, given.owner)
    if person is None:
        raise AppError(f"There is no person {given.owner}. Add them (holdgate user add), or name another owner.")
    values = msgspec.structs.asdict(given.plan)
    first = parse(given.plan.cron, given.plan.zone).next(await queries.time_of(session, None))
    if await queries.insert_declared(session, given.id, person.id, {**values, "next_at": first}):
        return
    there = await queries.lock_schedule(session, given.id, None)
    if there is not None and (there.owner_id != person.id or any(getattr(there, n) != v for n, v in values.items())):
        by = Principal(person.id, person.email, person.name, "admin")
        await queries.update_schedule(session, given.id, {"owner_id": person.id})
        await service.edit(session, by, given.id, given.plan)
