"""Tasks that are about to be deleted, as lines of an archive: each with all that belongs to it."""

from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, func, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.expression import TextualSelect

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.core.retention.archive import archive_then_delete
from holdgate.feature import parts
from holdgate.tasks.queue import retention

CHUNK = 100  # tasks of one file, whose payloads and results are in memory meanwhile


def by_task(sql: str) -> TextualSelect:
    """A statement about `:ids` that gives the id of a task and what there is of it."""
    return text(sql).columns(task_id=Uuid(), plain=JSONB())


_TASKS = by_task("SELECT t.id AS task_id, to_jsonb(t) AS plain FROM tasks t WHERE t.id = ANY(CAST(:ids AS uuid[]))")
_PARTS = {
    "steps": by_task(
        """
        SELECT s.task_id, jsonb_agg(to_jsonb(s) - 'task_id' ORDER BY s.finished_at, s.name) AS plain
        FROM task_steps s WHERE s.task_id = ANY(CAST(:ids AS uuid[])) GROUP BY s.task_id
        """
    ),
    "files": by_task(
        """
        SELECT a.task_id, jsonb_agg(to_jsonb(a) - 'task_id' ORDER BY a.created_at, a.name) AS plain
        FROM artifacts a WHERE a.task_id = ANY(CAST(:ids AS uuid[])) GROUP BY a.task_id
        """
    ),
    "events": by_task(
        """
        SELECT e.task_id, jsonb_agg(to_jsonb(e) - 'task_id' - 'xid' ORDER BY e.id) AS plain
        FROM task_events e WHERE e.task_id = ANY(CAST(:ids AS uuid[])) GROUP BY e.task_id
        """
    ),
}


async def read_parts(
    session: AsyncSession, statements: dict[str, TextualSelect], ids: Sequence[UUID]
) -> dict[UUID, dict[str, Any]]:
    """What each statement finds, by task."""
    found: dict[UUID, dict[str, Any]] = {}
    for name, statement in statements.items():
        for task_id, plain in await session.execute(statement, {"ids": list(ids)}):
            found.setdefault(task_id, {})[name] = plain
    return found


async def archive_old(database: Database, settings: Settings, rules: retention.Rules, old: retention.Old) -> None:
    """Write these tasks to the archive, then delete them. Their files stay where they are: the archive names them."""
    async with database.read() as session:
        lines = await _lines(session, settings, old.ids)
        now = await session.scalar(select(func.now()))
    assert now is not None
    delete = partial(retention.delete_old, rules=rules, ids=old.ids)
    if not await archive_then_delete(database, settings, "tasks", lines, at=now, delete=delete):
        async with database.write("system") as session:
            await retention.move_walk(session, old.place)


async def archive_finished(database: Database, settings: Settings, ids: list[UUID]) -> None:
    """Write these tasks to the archive, then delete those of them that have still ended undecided."""
    async with database.read() as session:
        lines = await _lines(session, settings, ids)
        now = await session.scalar(select(func.now()))
    assert now is not None
    delete = partial(retention.delete_finished, ids=ids)
    await archive_then_delete(database, settings, "tasks", lines, at=now, delete=delete)


async def _lines(session: AsyncSession, settings: Settings, ids: Sequence[UUID]) -> list[dict[str, Any]]:
    found = await read_parts(session, {"task": _TASKS, **_PARTS}, ids)
    for read in parts("archive"):
        for task_id, more in (await read(session, settings, ids)).items():
            found.setdefault(task_id, {}).update(more)
    return [found[id] for id in ids if id in found]
