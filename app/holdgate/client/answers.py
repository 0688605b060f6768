"""What the API answers, as types. Times are aware datetimes in UTC.

States are plain texts and unknown fields are left out, so that a client understands a server newer than itself.
"""

from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A part of a list. `next_cursor` leads to the next one; None: this is the last. `total`: how many match on all of
    them; None: the server does not know, or does not say."""

    items: list[T]
    next_cursor: str | None
    total: int | None = None


class TaskItem(msgspec.Struct, frozen=True, kw_only=True):
    """A task as lists have it. `finished_at` is None as long as it goes on."""

    id: UUID
    kind: str
    title: str
    state: str
    reason: str | None
    queue: str
    priority: int
    run_id: UUID | None
    subject: str | None
    attempt: int
    failures: int
    max_attempts: int
    progress: Any
    created_at: datetime
    queued_at: datetime
    run_at: datetime | None
    deadline: datetime | None
    started_at: datetime | None
    finished_at: datetime | None


class TaskDetail(TaskItem, frozen=True, kw_only=True):
    """One task, with what it was given and what it gave. `kind.read_result(task.result)` gives the result's type."""

    payload: Any
    result: Any
    error: Any
    resolved_at: datetime | None
    resolved_by: str | None
    resolution: str | None


class Created(msgspec.Struct, frozen=True):
    """A task that is there now."""

    id: UUID
    url: str


class CreatedTasks(msgspec.Struct, frozen=True):
    """In the order of the request."""

    ids: list[UUID]


class Moved(msgspec.Struct, frozen=True):
    """Where a verb has led a task."""

    id: UUID
    state: str


class EventItem(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a task's state. `from_state` is None when it was created, `to_state` when it was deleted."""

    id: int
    at: datetime
    task_id: UUID
    run_id: UUID | None
    kind: str
    queue: str
    verb: str
    from_state: str | None
    to_state: str | None
    actor: str
    attempt: int
    reason: str | None
    data: Any


class RunForecast(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of a run: tasks that are ready, wait for people, for a time, or are paused; and until when."""

    likely_done_at: datetime | None
    ready: int
    for_people: int
    people: int | None
    for_later: int
    paused: int


class RunItem(msgspec.Struct, frozen=True, kw_only=True):
    """A run. `counts`: how many of its `total` tasks are in which state; `open` have not ended."""

    id: UUID
    name: str
    state: str
    created_at: datetime
    total: int
    open: int
    counts: dict[str, int]
    forecast: RunForecast


class CreatedRun(msgspec.Struct, frozen=True):
    """A run that is there now, with so many tasks."""

    id: UUID
    url: str
    tasks: int


class QueueItem(msgspec.Struct, frozen=True, kw_only=True):
    """A queue. `oldest`: for how many seconds its first task has been ready."""

    name: str
    ready: int
    running: int
    later: int
    oldest: float | None
    paused: bool


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of tasks by state, kind and queue. `retries` wait for their next attempt; `oldest` is in seconds."""

    states: dict[str, int]
    retries: int
    dead_letters: int
    oldest: float | None
    kinds: dict[str, dict[str, int]]
    queues: list[QueueItem]
    workers: dict[str, int]


class NeedItem(msgspec.Struct, frozen=True, kw_only=True):
    """What needs a person: `url` is the page where they see to it, `until` by when."""

    key: str
    state: str
    text: str
    note: str
    url: str
    until: datetime | None


class Times(msgspec.Struct, frozen=True):
    """Half, 95 and 99 of 100 took at most so many seconds; None: there was none."""

    p50: float | None
    p95: float | None
    p99: float | None = None


class SpanFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What came of tasks in the span that begins at `at`."""

    at: datetime
    outcomes: dict[str, int]
    wait: Times
    work: Times


class KindFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a kind's tasks in the whole period."""

    name: str
    outcomes: dict[str, int]
    wait: Times
    work: Times


class FailureItem(msgspec.Struct, frozen=True, kw_only=True):
    """An error: `n` attempts failed with it; `dead` open dead letters have it, `retried` tasks are tried again."""

    fingerprint: str
    kind: str
    error_type: str
    message: str
    last_at: datetime
    n: int
    by_span: list[int]
    dead: int
    retried: int


class OverviewItem(msgspec.Struct, frozen=True, kw_only=True):
    """What needs its person now, and the figures of a period, in spans of `seconds`."""

    period: str
    seconds: int
    needs: list[NeedItem]
    spans: list[SpanFigures]
    all: KindFigures
    kinds: list[KindFigures]
    internal: KindFigures | None
    queues: dict[str, list[int]]
    failures: list[FailureItem]
