"""Which events an endpoint can choose, and what the message about each says: ids, state, kind, title, links."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from holdgate.core.text.masking import masked
from holdgate.tasks.states import HOLDS, TaskState, TaskVerb

PING = "ping"  # sent by the test button, whatever was chosen

# What a task's event is called, by the state it leads to.
OF_STATE: dict[str, str] = {
    **dict.fromkeys(HOLDS, "task.held"),
    TaskState.RETRYING: "task.retrying",
    TaskState.SUCCEEDED: "task.succeeded",
    TaskState.DEAD_LETTER: "task.dead_letter",
    TaskState.REJECTED: "task.rejected",
    TaskState.EXPIRED: "task.expired",
    TaskState.CANCELLED: "task.cancelled",
}
# What becomes of an approval, by the verb that leads out of waiting for it. Every other one withdraws it.
OF_VERB: dict[str, str] = {
    TaskVerb.APPROVE: "approval.approved",
    TaskVerb.REJECT: "approval.rejected",
    TaskVerb.REQUEST_CHANGES: "approval.changes_requested",
    TaskVerb.EXPIRE: "approval.expired",
}
REQUESTED, WITHDRAWN = "approval.requested", "approval.cancelled"
OF_RUN = tuple(f"run.{verb}" for verb in ("started", "paused", "resumed", "cancelled", "finished", "reopened"))

ALARM_FIRED, ALARM_RECOVERED = "alarm.fired", "alarm.recovered"

TYPES: tuple[str, ...] = (
    *dict.fromkeys(OF_STATE.values()),
    *OF_RUN,
    REQUESTED,
    *OF_VERB.values(),
    WITHDRAWN,
    ALARM_FIRED,
    ALARM_RECOVERED,
)


class TaskHappening(msgspec.Struct, frozen=True):
    """An event of a task as the log has it, with the task's title and its latest approval then."""

    at: datetime
    task_id: UUID
    run_id: UUID | None
    owner_id: UUID | None
    queue: str
    kind: str
    verb: str
    from_state: str | None
    to_state: str | None
    attempt: int
    reason: str | None
    title: str
    approval_id: UUID | None

    @property
    def types(self) -> list[str]:
        found = [OF_STATE[self.to_state]] if self.to_state in OF_STATE else []
        if self.to_state == TaskState.PENDING_APPROVAL:
            found.append(REQUESTED)
        if self.from_state == TaskState.PENDING_APPROVAL:
            found.append(OF_VERB.get(self.verb, WITHDRAWN))
        return found

    def data(self, type: str, base_url: str) -> dict[str, Any]:
        task = {
            "id": str(self.task_id),
            "title": self.title,
            "kind": self.kind,
            "queue": self.queue,
            "state": self.to_state,
            "attempt": self.attempt,
            "reason": self.reason,
            "run_id": self.run_id and str(self.run_id),
            "url": f"{base_url}/tasks/{self.task_id}",
        }
        if not type.startswith("approval."):
            return task
        id = self.approval_id and str(self.approval_id)
        state = "pending" if type == REQUESTED else type.removeprefix("approval.")
        return {"id": id, "state": state, "url": f"{base_url}/approvals/{id}" if id else task["url"], "task": task}


class RunHappening(msgspec.Struct, frozen=True):
    """An event of a run, with how many of its tasks are in which state."""

    at: datetime
    run_id: UUID
    owner_id: UUID
    verb: str
    name: str
    state: str
    tasks: dict[str, int] = {}

    @property
    def types(self) -> list[str]:
        return [f"run.{self.verb}"]

    def with_tasks(self, tasks: dict[str, int]) -> "RunHappening":
        return msgspec.structs.replace(self, tasks=tasks)

    def data(self, type: str, base_url: str) -> dict[str, Any]:
        values = {"id": str(self.run_id), "name": self.name, "state": self.state, "tasks": self.tasks}
        return {**values, "url": f"{base_url}/runs/{self.run_id}"}


Happening = TaskHappening | RunHappening


def message(type: str, at: datetime, data: dict[str, Any]) -> str:
    """The body, made once and stored: every try sends these bytes. Secrets in titles and reasons are hidden."""
    return msgspec.json.encode({"type": type, "timestamp": at, "data": masked(data)}).decode()
