"""Finding a task by what a person remembers of it: its id, the beginning of one, or words of its title."""

import re
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from holdgate.tasks.models import Task
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.search.lists import list_tasks, mine

BEGINNING = re.compile(r"[0-9a-f]{6,32}")


def id_range(text: str) -> tuple[UUID, UUID] | None:
    """The ids that begin with `text`, with or without hyphens; None: it is not the beginning of one."""
    digits = text.strip().lower().replace("-", "")
    if not BEGINNING.fullmatch(digits):
        return None
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))


async def tasks_like(session: AsyncSession, scope: UUID | None, text: str, limit: int) -> list[Task]:
    """Newest first; of nobody else's when `scope` is a person."""
    ids = id_range(text)
    found = await _beginning(session, scope, ids, limit) if ids else []
    if found or not text.strip():
        return found
    return await list_tasks(session, scope, TaskFilter(q=text.strip()), None, limit)


async def _beginning(session: AsyncSession, scope: UUID | None, ids: tuple[UUID, UUID], limit: int) -> list[Task]:
    query = (
        select(Task)
        .where(Task.id.between(*ids), mine(scope))
        .options(defer(Task.payload), defer(Task.result), defer(Task.error))
        .order_by(Task.id.desc())
        .limit(limit)
    )
    return list((await session.execute(query)).scalars())
