"""What the API can be asked, each once: `Client` and `AsyncClient` have these as their methods."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, Unpack
from uuid import UUID

import msgspec

from holdgate.client import flows
from holdgate.client.answers import (
    Created,
    CreatedRun,
    CreatedTasks,
    Moved,
    OverviewItem,
    Page,
    RunItem,
    Stats,
    TaskDetail,
    TaskItem,
)
from holdgate.client.approvals import ApprovalDetail, ApprovalItem, Decided
from holdgate.client.filters import ApprovalFilters, TaskFilters, query_of
from holdgate.client.flows import Flow, Id

if TYPE_CHECKING:
    from holdgate.tasks.requests import TaskOptions

T = TypeVar("T")


class Listing(msgspec.Struct, Generic[T], frozen=True):
    """A list, to be read page by page."""

    kind: type[Page[T]]
    path: str
    filters: Mapping[str, Any] | None = None

    def page(self, cursor: str | None) -> Flow[Page[T]]:
        at = {} if cursor is None else {"cursor": cursor}
        return (yield from flows.fetch(self.kind, self.path, {**(self.filters or {}), **at}))


def enqueue_named(kind: str, payload: Any, options: "TaskOptions", once: str) -> Flow[UUID]:
    made = yield from flows.post(Created, "/tasks", _task(kind, payload, options), once=once)
    return made.id


def enqueue_many_named(kind: str, payloads: Iterable[Any], options: "TaskOptions", once: str) -> Flow[list[UUID]]:
    tasks = [_task(kind, payload, options) for payload in payloads]
    return (yield from flows.post(CreatedTasks, "/tasks/bulk", {"tasks": tasks}, once=once)).ids


def _task(kind: str, payload: Any, options: "TaskOptions") -> dict[str, Any]:
    given = {name: value for name, value in options.items() if value is not None}
    if "owner" in given:
        raise TypeError("A client's tasks belong to the person whose token it has: leave out `owner`.")
    if "run" in given:
        given["run_id"] = given.pop("run")
    return {"kind": kind, "payload": {} if payload is None else payload} | {
        name: _plain(value) for name, value in given.items()
    }


def _plain(value: Any) -> Any:
    """A time without a zone is the machine's, as everywhere in Python; a duration is told in seconds."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value.astimezone() if isinstance(value, datetime) else value


def task(id: Id, *, wait: int = 0) -> Flow[TaskDetail]:
    """One task; with `wait` (seconds, up to 60) the answer comes when it has ended, or then."""
    return (yield from flows.fetch(TaskDetail, f"/tasks/{id}", {"wait": wait} if wait else {}, extra=wait))


def wait(id: Id, seconds: float = 600.0) -> Flow[TaskDetail]:
    """The task once it has ended. Raises TimeoutError when that takes longer; holds wait for people."""
    found = yield from flows.poll(lambda left: task(id, wait=left), lambda task: task.finished_at is not None, seconds)
    if found.finished_at is None:
        raise TimeoutError(f"Task {id} is still {found.state}.")
    return found


def iter_tasks(**filters: Unpack[TaskFilters]) -> Listing[TaskItem]:
    """Every task that matches, newest first, page by page."""
    return Listing(Page[TaskItem], "/tasks", query_of(filters))


def act(id: Id, verb: Literal["retry", "resume", "cancel"], *, once: str = "") -> Flow[Moved]:
    """Tell a task what to do; returns its new state."""
    return (yield from flows.post(Moved, f"/tasks/{id}/{verb}", once=once))


def answer(id: Id, form: Mapping[str, Any], *, once: str = "") -> Flow[Decided]:
    """Answer what a task asks of its owner."""
    return (yield from flows.post(Decided, f"/tasks/{id}/answer", {"form": dict(form)}, once=once))


def create_run(name: str, tasks: Iterable[Mapping[str, Any]], *, once: str = "") -> Flow[CreatedRun]:
    """Start a run with these tasks, each as `POST /tasks` takes it: kind, payload, title, …"""
    body = {"name": name, "tasks": [dict(each) for each in tasks]}
    return (yield from flows.post(CreatedRun, "/runs", body, once=once))


def run(id: Id) -> Flow[RunItem]:
    """One run, with its progress."""
    return (yield from flows.fetch(RunItem, f"/runs/{id}"))


def iter_runs(*, limit: int = 50) -> Listing[RunItem]:
    """Every run, newest first; `limit` are read at once, up to 200."""
    return Listing(Page[RunItem], "/runs", {"limit": limit})


def iter_approvals(**filters: Unpack[ApprovalFilters]) -> Listing[ApprovalItem]:
    """Every approval request that matches, page by page."""
    return Listing(Page[ApprovalItem], "/approvals", query_of(filters))


def approval(id: Id) -> Flow[ApprovalDetail]:
    """One approval request: what is shown, its form, who is asked."""
    return (yield from flows.fetch(ApprovalDetail, f"/approvals/{id}"))


def decide(
    approval: ApprovalDetail,
    decision: Literal["approve", "reject", "request_changes"] | None = None,
    *,
    option: str | None = None,
    form: Mapping[str, Any] | None = None,
    reason: str = "",
    once: str = "",
) -> Flow[Decided]:
    """Decide what `approval` (from `approval()`) shows. When something else is shown by now: Problem 409.

    Args:
        option: the name of one of `approval.options`, in place of a decision.
    """
    body: dict[str, Any] = {"version": approval.version, "decision": decision, "option": option, "reason": reason}
    if form is not None:
        body["form"] = dict(form)
    return (yield from flows.post(Decided, f"/approvals/{approval.id}/decision", body, once=once))


def stats() -> Flow[Stats]:
    """Counts of tasks by state, kind and queue."""
    return (yield from flows.fetch(Stats, "/stats"))


def overview(period: Literal["hour", "day", "week"] = "hour") -> Flow[OverviewItem]:
    """What needs you now, and what was done and what failed in the last hour, day or week."""
    return (yield from flows.fetch(OverviewItem, "/overview", {"period": period}))


def get(path: str, query: Mapping[str, Any] | None = None, *, extra: float = 0.0) -> Flow[Any]:
    """For what has no method: an answer as plain data. `path` may be a `url` that an answer names; `extra` are seconds
    that it may take beyond the timeout."""
    return (yield from flows.fetch(_ANYTHING, path, query, extra=extra))


def post(path: str, body: Any = None, *, once: str = "") -> Flow[Any]:
    """Send JSON to a route; its answer as plain data. `once`: an Idempotency-Key: with it, it is tried again safely."""
    return (yield from flows.post(_ANYTHING, path, body, once=once))


def each(path: str, filters: Mapping[str, Any] | None = None) -> Listing[Any]:
    """Every item of a list, by its cursor, as plain data."""
    return Listing(Page[Any], path, filters)


def download(path: str, query: Mapping[str, Any] | None = None) -> Flow[bytes]:
    """A file as it is: of a task, a receipt, an export."""
    return (yield from flows.download(path, query))


_ANYTHING: Any = Any
