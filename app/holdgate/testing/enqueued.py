"""What has been enqueued: an assertion for tests of the code that enqueues."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import select

from holdgate.core.db import Database
from holdgate.tasks.kinds import find_kind
from holdgate.tasks.models import Task
from holdgate.testing.loops import BlockingRunner

MOST_TOLD = 20  # tasks in the message of a failed assertion


class AssertEnqueued:
    """A plain function for plain and async tests: it asks on a connection of its own, so it sees what is committed."""

    def __init__(self, database: Database, run: BlockingRunner) -> None:
        self._database = database
        self._run = run

    def __call__(self, kind: Any, payload: Any = None, *, count: int | None = None, **fields: Any) -> list[Task]:
        """The tasks of this kind, whatever their state, that have the payload and the fields.

        Args:
            kind: its name, or what `@kind` returned.
            payload: a mapping names the values to compare, others may be there; the payload's own type compares all.
            count: how many there must be, 0 for none; at least one when left out.
            fields: of the task's row: `queue`, `priority`, `title`, `subject`, `owner_id`, `run_id` …

        Raises:
            AssertionError: tells what has been enqueued.
        """
        __tracebackhide__ = True
        name = str(getattr(kind, "name", kind))
        found = self._run(_tasks(self._database))
        of_kind = [task for task in found if task.kind == name]
        parts = isinstance(payload, Mapping)
        plain = msgspec.to_builtins(payload) if parts or payload is None else find_kind(name).plain(payload)
        fitting = [task for task in of_kind if _has(task.payload, plain, parts) and _fits(task, fields)]
        if len(fitting) == count or (count is None and fitting):
            return fitting
        wanted = ", ".join([name, *([] if payload is None else [repr(plain)]), *map(str, fields.items())])
        told = [f"  {task.kind} {task.payload!r} ({task.state})" for task in (of_kind or found)[:MOST_TOLD]]
        number = "at least 1" if count is None else str(count)
        raise AssertionError(
            f"Expected {number} of {wanted}, found {len(fitting)}. Enqueued and committed are:\n"
            + ("\n".join(told) or "  no tasks")
        )


async def _tasks(database: Database) -> list[Task]:
    async with database.read() as session:
        return list(await session.scalars(select(Task).order_by(Task.id)))


def _has(stored: Any, wanted: Any, parts: bool) -> bool:
    if parts and isinstance(stored, dict):
        return all(name in stored and stored[name] == value for name, value in wanted.items())
    return wanted is None or bool(stored == wanted)


def _fits(task: Task, fields: Mapping[str, Any]) -> bool:
    return all(getattr(task, name) == value for name, value in fields.items())
