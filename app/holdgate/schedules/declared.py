"""Schedules that code declares; workers write them down (registration.py)."""

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID, uuid5

from holdgate.schedules.plan import SchedulePlan, checked
from holdgate.tasks.kinds import AnyKind
from holdgate.tasks.states import DEFAULT_PRIORITY

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


def all_declared() -> list[DeclaredSchedule]:
    """Those of this process's code."""
    return list(_DECLARED.values())
