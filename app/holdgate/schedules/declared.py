"""Schedules that code declares. Workers write them down when they start; from then on they are like all others."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID, uuid5

import msgspec

from holdgate.core.errors import AppError
from holdgate.core.later import Later
from holdgate.core.principal import Principal
from holdgate.schedules.cron import parse
from holdgate.schedules.plan import SchedulePlan, checked
from holdgate.tasks.kinds import AnyKind
from holdgate.tasks.states import DEFAULT_PRIORITY

if TYPE_CHECKING:
    from holdgate.accounts import service as accounts
    from holdgate.core.db import WriteSession
    from holdgate.core.telemetry import log
    from holdgate.schedules import queries, service
else:
    accounts = Later("holdgate.accounts.service")
    log = Later("holdgate.core.telemetry.log")
    queries = Later("holdgate.schedules.queries")
    service = Later("holdgate.schedules.service")

NAMESPACE = UUID("0d1f2e3c-6f57-4f5e-9a0c-5a1f3c8d7b21")  # of their ids, so that one name is one schedule


@dataclass(frozen=True)
class DeclaredSchedule:
    """A schedule and whose it is."""

    plan: SchedulePlan
    owner: str

    @property
    def id(self) -> UUID:
        return uuid5(NAMESPACE, self.plan.name)


_DECLARED: dict[str, DeclaredSchedule] = {}


def schedule(
    name: str,
    kind: AnyKind,
    payload: Any,
    *,
    cron: str,
    owner: str,
    zone: str = "UTC",
    queue: str | None = None,
    priority: int = DEFAULT_PRIORITY,
    missed: Literal["catch_up", "skip"] = "catch_up",
) -> None:
    """Declare a schedule, in a module that `KINDS` names: from when a worker next starts, tasks of the kind are
    enqueued by the calendar.

    The name stands for it: declared with something else under the same name, it is changed when a worker starts.
    Whether it is paused is left as it is. One that is declared no more goes on until somebody deletes it at /schedules.

    Args:
        payload: of the kind's payload type, or plain data that fits it.
        cron: five fields, as in crontab (`0 3 * * *`), in the time zone `zone`.
        owner: the email address of the person whose tasks they are.
        queue, priority: as for tasks.
        missed: what came while no worker was there is caught up by one task, or skipped.

    Raises:
        Invalid: also for a payload that does not fit.
        ValueError: another schedule has this name.
    """
    plan = SchedulePlan(
        name=name,
        kind=kind.name,
        payload=kind.plain(payload),
        cron=cron,
        zone=zone,
        queue=queue,
        priority=priority,
        missed=missed,
    )
    made = DeclaredSchedule(checked(plan), owner)
    if _DECLARED.setdefault(made.plan.name, made) != made:
        raise ValueError(f"There are two schedules {name!r}. Give each a name of its own.")


async def write_down(session: "WriteSession") -> None:
    """Those of this process's code. One that cannot be is logged, and keeps nobody from working."""
    for each in _DECLARED.values():
        try:
            await _write(session, each)
        except AppError as error:
            log.get(__name__).warning("schedule_not_declared", schedule=each.plan.name, problem=str(error))


async def _write(session: "WriteSession", declared: DeclaredSchedule) -> None:
    person = await accounts.find_user_by_email(session, declared.owner)
    if person is None:
        raise AppError(f"There is no person {declared.owner}. Add them (holdgate user add), or name another owner.")
    values = msgspec.structs.asdict(declared.plan)
    first = parse(declared.plan.cron, declared.plan.zone).next(await queries.time_of(session, None))
    if await queries.insert_declared(session, declared.id, person.id, {**values, "next_at": first}):
        return
    there = await queries.lock_schedule(session, declared.id, None)
    if there is not None and (there.owner_id != person.id or any(getattr(there, n) != v for n, v in values.items())):
        by = Principal(person.id, person.email, person.name, "admin")
        await queries.update_schedule(session, declared.id, {"owner_id": person.id})
        await service.edit(session, by, declared.id, declared.plan)
