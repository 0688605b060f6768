"""What a schedule is to do, whoever says so: a person, a program, or code that declares it."""

from typing import Any, Literal

import msgspec

from holdgate.core.errors import Invalid
from holdgate.core.text.visible import is_blank
from holdgate.schedules.cron import parse
from holdgate.tasks.kinds import find_kind
from holdgate.tasks.requests import TaskRequest, check_request
from holdgate.tasks.states import DEFAULT_PRIORITY


class SchedulePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a schedule is to enqueue, and when. `missed`: runs that nobody was there for are caught up by one task, or
    skipped."""

    name: str
    kind: str
    payload: dict[str, Any]
    cron: str
    zone: str = "UTC"
    queue: str | None = None
    priority: int = DEFAULT_PRIORITY
    missed: Literal["catch_up", "skip"] = "catch_up"

    def request(self) -> TaskRequest:
        """What its tasks are like."""
        return TaskRequest(kind=self.kind, payload=self.payload, queue=self.queue, priority=self.priority)


def checked(plan: SchedulePlan) -> SchedulePlan:
    """As it is stored. Raises Invalid, also for an unknown kind and a payload that does not fit."""
    name, cron = " ".join(plan.name.split()), " ".join(plan.cron.split())
    if is_blank(name) or len(name) > 200:
        raise Invalid("A schedule needs a name of at most 200 characters.", {"name": "From 1 to 200 characters."})
    parse(cron, plan.zone)
    check_request(find_kind(plan.kind), plan.request())
    return msgspec.structs.replace(plan, name=name, cron=cron)
