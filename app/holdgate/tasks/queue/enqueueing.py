"""Enqueueing in a transaction of our own: one INSERT, and the doorbell after the commit.

What the database decides (`unique`, whose an address is) goes by the same function as everybody else's.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from holdgate.core.db import WriteSession
from holdgate.core.postgres.outages import sqlstate
from holdgate.tasks.errors import SubjectTaken
from holdgate.tasks.places import by_sqlalchemy_async
from holdgate.tasks.queue.inserting import insert_tasks
from holdgate.tasks.requests import CheckedTask
from holdgate.tasks.states import TaskState

UNIQUE_VIOLATION = "23505"


async def insert(session: WriteSession, rows: Sequence[CheckedTask], *, state: TaskState | None = None) -> list[UUID]:
    """Their ids. `state`: as in `insert_tasks`. Raises SubjectTaken."""
    if not rows:
        return []
    try:
        if any(row.decided_by_database for row in rows):
            ids = await by_sqlalchemy_async(session, rows, schema=await _schema(session))
        else:
            await insert_tasks(session, list(rows), state=state)
            ids = [row.id for row in rows]
    except IntegrityError as error:
        if sqlstate(error) != UNIQUE_VIOLATION:
            raise
        raise SubjectTaken from error
    for queue in {row.queue for row in rows}:
        session.announce(f"queue:{queue}")
    return ids


async def _schema(session: WriteSession) -> str:
    return str((await session.execute(select(func.current_schema()))).scalar_one())
