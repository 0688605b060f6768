"""Finding a task by what a person remembers of it: its id, the beginning of one, or words of its title."""

import re
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from app.tasks.filters import TaskFilter
from app.tasks.models import Task
from app.tasks.reads import mine

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
    found = await _where(session, scope, Task.id.between(*ids), limit) if ids else []
    if found or not text.strip():
        return found
    return await _where(session, scope, TaskFilter(q=text.strip()).where(), limit)


async def _where(session: AsyncSession, scope: UUID | None, condition: ColumnElement[bool], limit: int) -> list[Task]:
    query = (
        select(Task)
        .where(condition, mine(scope))
        .options(defer(Task.payload), defer(Task.result), defer(Task.error))
        .order_by(Task.created_at.desc(), Task.id.desc())
        .limit(limit)
    )
    return list((await session.execute(query)).scalars())
