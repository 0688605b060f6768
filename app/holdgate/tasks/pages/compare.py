"""Two tasks beside each other: what is the same, and what is not."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.params import QueryParameter

from holdgate.core.errors import Invalid
from holdgate.core.text.masking import masked
from holdgate.tasks.models import Task
from holdgate.tasks.search import lists
from holdgate.web.filters import duration, local, state_label
from holdgate.web.http.guards import SignedIn
from holdgate.web.http.request import WebRequest
from holdgate.web.http.sessions import Read
from holdgate.web.render import render

TWO = 2
MOST = 500  # rows


class ComparedRow(msgspec.Struct, frozen=True):
    name: str
    left: str
    right: str

    @property
    def differs(self) -> bool:
        return self.left != self.right


class Compared(msgspec.Struct, frozen=True):
    tasks: list[Task]
    details: list[ComparedRow]
    payload: list[ComparedRow]
    result: list[ComparedRow]


@get("/tasks/compare")
async def compare(
    request: WebRequest,
    user: SignedIn,
    read: Read,
    ids: Annotated[list[UUID] | None, QueryParameter(name="id")] = None,
) -> Response[str]:
    if ids is None or len(ids) != TWO:
        raise Invalid("Select exactly two tasks to compare.")
    one, other = [await lists.find_task(read, id, user.scope) for id in ids]
    view = Compared(
        [one, other],
        [ComparedRow(name, *values) for name, *values in zip(_NAMES, _details(one), _details(other), strict=True)],
        _rows(masked(one.payload), masked(other.payload)),
        _rows(masked(one.result), masked(other.result)),
    )
    return await render(request, "tasks/compare.html", view, nav="tasks")


_NAMES = ("Kind", "State", "Queue", "Priority", "Attempts", "Created", "Started", "Finished", "Total time", "Error")


def _details(task: Task) -> list[str]:
    took = task.finished_at - task.created_at if task.finished_at else None
    error: Any = masked(task.error) or {}
    return [
        task.kind,
        state_label(task.standing),
        task.queue,
        str(task.priority),
        f"{task.attempt} of {task.max_attempts}",
        local(task.created_at),
        local(task.started_at),
        local(task.finished_at),
        duration(took),
        f"{error.get('type', '')}: {error.get('message', '')}".strip(": "),
    ]


def _rows(left: Any, right: Any) -> list[ComparedRow]:
    """Every value of the two under its path."""
    one, other = _flat(left), _flat(right)
    names = [*one, *(name for name in other if name not in one)][:MOST]
    return [ComparedRow(name or "value", one.get(name, "–"), other.get(name, "–")) for name in names]


def _flat(value: Any, path: str = "") -> dict[str, str]:
    if isinstance(value, dict) and value:
        parts = [_flat(inner, f"{path}.{name}".lstrip(".")) for name, inner in value.items()]
    elif isinstance(value, list) and value:
        parts = [_flat(inner, f"{path}[{number}]") for number, inner in enumerate(value)]
    elif value is None and not path:
        return {}
    else:
        return {path: value if isinstance(value, str) else msgspec.json.encode(value).decode()}
    return {name: text for part in parts for name, text in part.items()}


handlers = [compare]
