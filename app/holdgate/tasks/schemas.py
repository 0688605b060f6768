"""Tasks as programs read and write them."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, cast
from uuid import UUID

import msgspec

from holdgate.api.paging import ListPart, Paged, unpaged
from holdgate.core.text.masking import masked, masked_text
from holdgate.tasks.models import Task
from holdgate.tasks.queue.log import TaskEvent
from holdgate.tasks.search.filters import FIELDS, Standing
from holdgate.tasks.service import TaskRequest
from holdgate.tasks.states import DEFAULT_PRIORITY, TaskState

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Priority = Annotated[int, msgspec.Meta(ge=0, le=1000)]
QueueName = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_-]{0,39}$")]
Text = Annotated[str, msgspec.Meta(max_length=300)]
NEW_TASK = {"kind": "sample.task", "payload": {"steps": 3}, "title": "A first task", "priority": 50}  # as an example


class TaskItem(msgspec.Struct, frozen=True, kw_only=True):
    """A task as lists show it."""

    id: UUID
    kind: str
    title: str
    state: TaskState
    reason: str | None
    queue: str
    priority: int
    run_id: UUID | None
    subject: str | None
    attempt: int
    failures: int
    max_attempts: int
    progress: Any
    created_at: Moment
    queued_at: Moment
    run_at: Moment | None
    deadline: Moment | None
    started_at: Moment | None
    finished_at: Moment | None


class TaskDetail(TaskItem, frozen=True, kw_only=True):
    """A task. Secrets in `payload`, `result` and `error` are hidden. `resolution`: why a dead letter is resolved."""

    payload: Any
    result: Any
    error: Any
    resolved_at: Moment | None
    resolved_by: str | None
    resolution: str | None


class TaskPage(ListPart, frozen=True, kw_only=True):
    """`total`: how many match, exact, where counts are kept: for filters by state, kind, queue or run. Null for others,
    which would have to be counted."""

    items: list[TaskItem]


class EventItem(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a task's state. `from_state` is null when it was made, `to_state` when it was deleted."""

    id: int
    at: Moment
    task_id: UUID
    run_id: UUID | None
    kind: str
    queue: str
    verb: str
    from_state: Standing | None
    to_state: Standing | None
    actor: str
    attempt: int
    reason: str | None
    data: Any


class EventList(msgspec.Struct, frozen=True):
    """The newest 500, oldest first."""

    items: list[EventItem]


class Moved(msgspec.Struct, frozen=True):
    """Where a verb has led."""

    id: UUID
    state: TaskState


class NewTask(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A task to be made. What is left out is as its kind has it. `subject` is unique within a run.

    With `unique` the task that is there is answered, if there is one.
    """

    kind: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    payload: dict[str, Any] = {}
    title: Text = ""
    priority: Priority = DEFAULT_PRIORITY
    queue: QueueName | None = None
    run_id: UUID | None = None
    subject: Annotated[str, msgspec.Meta(min_length=1, max_length=300)] | None = None
    run_at: Moment | None = None
    deadline: Moment | None = None
    max_attempts: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    unique: (
        Annotated[str, msgspec.Meta(min_length=1, max_length=200, description="One task of its kind and owner has it.")]
        | None
    ) = None
    unique_for: (
        Annotated[float, msgspec.Meta(gt=0, le=315_360_000, description="Seconds; else as long as that one is kept.")]
        | None
    ) = None


MOST = 10_000  # tasks made at once
NewTasks = Annotated[list[NewTask], msgspec.Meta(min_length=1, max_length=MOST)]


class Bulk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Tasks to be made, all of them or none."""

    tasks: NewTasks


class CreatedTasks(msgspec.Struct, frozen=True):
    """The ids in the order of the request."""

    ids: list[UUID]


def wanted(task: NewTask) -> TaskRequest:
    given = msgspec.structs.asdict(task)
    seconds = given.pop("unique_for")
    return TaskRequest(**given, unique_for=None if seconds is None else timedelta(seconds=seconds))


class Created(msgspec.Struct, frozen=True):
    """A task that was made; `url` is where to read it."""

    id: UUID
    url: str


class Ordered(Paged, frozen=True, kw_only=True):
    sort: Annotated[Literal["newest", "oldest"], msgspec.Meta(description="Which come first.")] = "newest"


# Which tasks to list: as on the page of tasks, where each is checked.
TaskQuery: type[Ordered] = cast(
    "type[Ordered]",
    msgspec.defstruct(
        "TaskQuery",
        [field.parameter() for field in FIELDS],
        bases=(Ordered,),
        module=__name__,
        frozen=True,
        kw_only=True,
    ),
)
ExportQuery = unpaged(TaskQuery, "ExportQuery")


class WaitQuery(msgspec.Struct, frozen=True):
    wait: Annotated[
        int, msgspec.Meta(ge=0, le=60, description="Answer once the task has ended, or after so many seconds.")
    ] = 0


def item(task: Task) -> TaskItem:
    return TaskItem(**_plain(task))


def detail(task: Task) -> TaskDetail:
    return TaskDetail(
        **_plain(task),
        payload=masked(task.payload),
        result=masked(task.result),
        error=masked(task.error),
        resolved_at=task.resolved_at,
        resolved_by=task.resolved_by,
        resolution=task.resolution,
    )


def _plain(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "kind": task.kind,
        "title": task.title,
        "state": TaskState(task.state),
        "reason": None if task.reason is None else masked_text(task.reason),
        "queue": task.queue,
        "priority": task.priority,
        "run_id": task.run_id,
        "subject": task.subject,
        "attempt": task.attempt,
        "failures": task.failures,
        "max_attempts": task.max_attempts,
        "progress": masked(task.progress),
        "created_at": task.created_at,
        "queued_at": task.queued_at,
        "run_at": task.run_at,
        "deadline": task.deadline_at,
        "started_at": task.started_at,
        "finished_at": task.finished_at,
    }


def event(row: TaskEvent) -> EventItem:
    return EventItem(
        id=row.id,
        at=row.at,
        task_id=row.task_id,
        run_id=row.run_id,
        kind=row.kind,
        queue=row.queue,
        verb=row.verb,
        from_state=row.from_state,
        to_state=row.to_state,
        actor=row.actor,
        attempt=row.attempt,
        reason=None if row.reason is None else masked_text(row.reason),
        data=masked(row.data),
    )


class KindItem(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of task. `schema` is its payload's JSON schema; durations are in seconds."""

    name: str
    about: str
    queue: str
    max_attempts: int
    timeout: float
    schema: dict[str, Any]


class KindList(msgspec.Struct, frozen=True):
    items: list[KindItem]


class QueueItem(msgspec.Struct, frozen=True, kw_only=True):
    """A queue. `oldest` is how many seconds its first task has been ready."""

    name: str
    ready: int
    running: int
    later: int
    oldest: float | None
    paused: bool


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of your tasks, an administrator's of everybody's; of queues only what one has tasks in.

    `retries` wait for their next attempt; `dead_letters` are those not resolved; `oldest` is the longest wait.
    """

    states: dict[str, int]
    retries: int
    dead_letters: int
    oldest: float | None
    kinds: dict[str, dict[str, int]]
    queues: list[QueueItem]
    workers: dict[str, int]
