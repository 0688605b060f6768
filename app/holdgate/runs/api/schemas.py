"""Runs as programs read and write them."""

from typing import Annotated
from uuid import UUID

import msgspec

from holdgate.api.paging import ListPart, Paged
from holdgate.runs.progress import Progress
from holdgate.tasks.schemas import Moment, NewTasks


class RunForecast(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of a run, and until when. `likely_done_at`: when the workers are through with the `ready` tasks, by
    their pace in the last minutes; null without anything to tell it by. `for_people` tasks wait for so many `people`
    (null: not known), `for_later` for their time, `paused` for their run."""

    likely_done_at: Moment | None
    ready: int
    for_people: int
    people: int | None
    for_later: int
    paused: int


class RunItem(msgspec.Struct, frozen=True, kw_only=True):
    """A run. `state` is `finished` when nothing is left to do; `counts`: how many of its tasks are in which state."""

    id: UUID
    name: str
    state: str
    created_at: Moment
    total: int
    open: int
    counts: dict[str, int]
    forecast: RunForecast


class RunPage(ListPart, frozen=True, kw_only=True):
    items: list[RunItem]


class RunQuery(Paged, frozen=True, kw_only=True):
    """Newest first."""


class RunExportQuery(msgspec.Struct, frozen=True):
    """All of them."""


class RunDeleted(msgspec.Struct, frozen=True):
    id: UUID


class RunName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run is called, from 1 to 200 characters."""

    name: str


class NewRun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run with its first tasks; these name no run themselves."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    tasks: NewTasks


class CreatedRun(msgspec.Struct, frozen=True):
    id: UUID
    url: str
    tasks: int


class RunMoved(msgspec.Struct, frozen=True):
    id: UUID
    state: str


class StageTime(msgspec.Struct, frozen=True):
    """How many tasks are there now, and what all of them together have spent there, in seconds."""

    tasks: int
    seconds: float


class RunTimes(msgspec.Struct, frozen=True, kw_only=True):
    """Where the time of a run's tasks goes: `queue`, `work`, `people`, and `later` (paused, or not before a time)."""

    id: UUID
    created_at: Moment
    finished_at: Moment | None
    stages: dict[str, StageTime]


class RunEventItem(msgspec.Struct, frozen=True, kw_only=True):
    """The run was started, paused, resumed, cancelled, finished or reopened."""

    id: int
    at: Moment
    verb: str
    actor: str


class RunEventList(msgspec.Struct, frozen=True):
    """The newest 100, oldest first."""

    items: list[RunEventItem]


class RetryFailed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`canary`: one task first, then more in steps, as long as the same error does not come back."""

    canary: bool = False


def run_item(progress: Progress) -> RunItem:
    run, left = progress.run, progress.forecast
    return RunItem(
        id=run.id,
        name=run.name,
        state=progress.state,
        created_at=run.created_at,
        total=progress.total,
        open=progress.open,
        counts=dict(progress.segments),
        forecast=RunForecast(
            likely_done_at=left.at,
            ready=left.ready,
            for_people=left.people,
            people=left.waits_for,
            for_later=left.later,
            paused=left.paused,
        ),
    )
