"""What a move of a task writes beside its place in the queue."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Text, case, literal, null

from holdgate.tasks.failures.fingerprints import digest
from holdgate.tasks.models import Task
from holdgate.tasks.states import FINISHED, TaskState, TaskVerb


def values_of(
    verb: TaskVerb, target: TaskState, at: ColumnElement[datetime], reason: str | None, delay: timedelta | None
) -> dict[Any, Any]:
    """What a move writes, but for the place in the queue."""
    values: dict[Any, Any] = {
        Task.state: target.value,
        Task.reason: reason,
        Task.worker_id: null(),
        Task.lease_expires_at: null(),
        Task.finished_at: at if target in FINISHED else null(),
    }
    if verb is TaskVerb.UNPAUSE:
        values[Task.state] = case((Task.run_at > at, TaskState.SCHEDULED.value), else_=TaskState.QUEUED.value)
        values[Task.queued_at] = at
    elif target is TaskState.QUEUED and verb is not TaskVerb.REQUEUE:
        # A requeued task is as old as it was; every other one waits from now.
        values |= {Task.queued_at: at, Task.run_at: null()}
    elif delay is not None:
        values[Task.run_at] = at + delay
    if verb in (TaskVerb.RETRY, TaskVerb.RESUME):
        # A fresh start by a person: all tries again, and refusals of earlier rounds no longer count, nor a deadline
        # that has passed, which would bury the task at once.
        values |= {Task.failures: 0, Task.lease_losses: 0, Task.round: Task.round + 1}
        values[Task.deadline_at] = case((Task.deadline_at > at, Task.deadline_at))
    return values


def error_of(verb: TaskVerb, error: str | None, reason: str | None) -> dict[Any, Any]:
    if error is not None:
        return {
            Task.error: {"type": error, "message": reason or ""},
            Task.fingerprint: Task.kind + literal(":" + digest(error, reason or ""), Text()),
        }
    if verb is TaskVerb.RETRY:
        return dict.fromkeys((Task.fingerprint, Task.resolved_at, Task.resolved_by, Task.resolution), null())
    return {}
