"""All tasks that match a filter as CSV or JSON, however many.

One that began to match, or stopped, meanwhile may or may not be among them. None comes twice, and none comes that a
list would by then show before the first.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import msgspec
from sqlalchemy import func, select

from holdgate.core import exports
from holdgate.core.db import Database, ReadSession
from holdgate.core.paging import Cursor
from holdgate.core.text.masking import masked, masked_text
from holdgate.tasks.models import Task
from holdgate.tasks.schemas import detail
from holdgate.tasks.search import lists
from holdgate.tasks.search.filters import TaskFilter

COLUMNS = (
    "id",
    "kind",
    "title",
    "state",
    "reason",
    "queue",
    "priority",
    "run_id",
    "subject",
    "attempt",
    "failures",
    "max_attempts",
    "created_at",
    "queued_at",
    "run_at",
    "deadline",
    "started_at",
    "finished_at",
    "error",
    "payload",
    "result",
)
Chunks: TypeAlias = AsyncIterator[Sequence[Task]]


def chunks(
    database: Database,
    scope: UUID | None,
    wanted: TaskFilter,
    *,
    size: int = exports.CHUNK,
    now: datetime | None = None,
) -> Chunks:
    """Newest first.

    Args:
        now: the beginning; the database's time unless a test says otherwise.
    """

    async def read(session: ReadSession, place: Cursor | None, limit: int) -> Sequence[Task]:
        nonlocal wanted
        if place is None:
            began = now or (await session.execute(select(func.now()))).scalar_one()
            wanted = wanted.fixed(began)
        return await lists.list_tasks(session, scope, wanted, place, limit, whole=True)

    return exports.chunks(database, read, lambda task: Cursor(task.created_at, task.id), size)


def as_csv(found: AsyncIterator[Sequence[Task]]) -> AsyncGenerator[bytes, None]:
    """UTF-8 with a mark, times in UTC, payload and result as JSON with secrets hidden."""
    return exports.as_csv(COLUMNS, ([_row(task) for task in tasks] async for tasks in found))


def as_json(found: AsyncIterator[Sequence[Task]]) -> AsyncGenerator[bytes, None]:
    """One list of tasks as the API writes them; cut off, it is no JSON."""
    return exports.as_json([detail(task) for task in tasks] async for tasks in found)


def _row(task: Task) -> list[Any]:
    error = task.error or {}
    given: dict[str, Any] = {
        "state": task.standing,
        "reason": masked_text(task.reason or ""),
        "deadline": task.deadline_at,
        "error": masked_text(": ".join(str(error[name]) for name in ("type", "message") if error.get(name))),
        "payload": _json(task.payload),
        "result": "" if task.result is None else _json(task.result),
    }
    return [given[name] if name in given else getattr(task, name) for name in COLUMNS]


def _json(value: Any) -> str:
    return msgspec.json.encode(masked(value)).decode()
