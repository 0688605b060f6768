"""Schedules as programs read and write them."""

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from holdgate.api.paging import ListPart, Paged
from holdgate.core.text.masking import masked
from holdgate.schedules import service
from holdgate.schedules.models import Schedule
from holdgate.schedules.plan import SchedulePlan
from holdgate.tasks.schemas import Moment
from holdgate.tasks.states import DEFAULT_PRIORITY


class ScheduleItem(msgspec.Struct, frozen=True, kw_only=True):
    """What is enqueued when. `problem`: why its next run will create nothing. `paused_by`: an address, or in words
    that its owner's access has ended."""

    id: UUID
    name: str
    kind: str
    payload: Any
    cron: str
    zone: str
    queue: str | None
    priority: int
    missed: str
    created_at: Moment
    paused_at: Moment | None
    paused_by: str | None
    next_at: Moment | None
    last_at: Moment | None
    last_task_id: UUID | None
    problem: str | None


class SchedulePage(ListPart, frozen=True, kw_only=True):
    items: list[ScheduleItem]


class ScheduleQuery(Paged, frozen=True, kw_only=True):
    """Newest first."""


class NewSchedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A schedule whole, also when one is changed. `missed`: runs that nobody was there for are caught up by one task,
    or skipped."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    kind: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    cron: Annotated[
        str,
        msgspec.Meta(
            min_length=1, max_length=100, description="Five fields, or @daily and its like; read in the zone."
        ),
    ]
    zone: Annotated[str, msgspec.Meta(min_length=1, max_length=60)] = "UTC"
    payload: dict[str, Any] = {}
    queue: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    priority: Annotated[int, msgspec.Meta(ge=0, le=1000)] = DEFAULT_PRIORITY
    missed: Literal["catch_up", "skip"] = "catch_up"


class CreatedSchedule(msgspec.Struct, frozen=True):
    id: UUID
    url: str


class ScheduleActed(msgspec.Struct, frozen=True):
    """`task_id`: the task that was enqueued, when it was told to run now."""

    id: UUID
    task_id: UUID | None


def item(row: Schedule) -> ScheduleItem:
    kept = {name: getattr(row, name) for name in ScheduleItem.__struct_fields__ if name not in ("payload", "problem")}
    return ScheduleItem(**kept, payload=masked(row.payload), problem=service.problem_of(row))


def plan(wanted: NewSchedule) -> SchedulePlan:
    return SchedulePlan(**{**msgspec.structs.asdict(wanted), "queue": wanted.queue or None})
