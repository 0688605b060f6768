"""What is changed at tasks without moving them: their priority, and that a dead letter is dealt with.

Locks are taken as tasks/queue/moves.py says.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, literal, literal_column, select, update

from holdgate.core.db import WriteSession
from holdgate.tasks.models import SHARE, Task
from holdgate.tasks.queue.lines import LINE, lined_up
from holdgate.tasks.states import UNFINISHED, TaskState


async def set_priority(
    session: WriteSession,
    which: ColumnElement[bool],
    priority: int,
    *,
    reason: str = "",
    now: datetime | None = None,
) -> list[UUID]:
    """Give unfinished tasks this priority. Returns all that match, also those that had it already.

    What is ready lines up behind its share at the new priority; `reason` is for the log.
    """
    at: ColumnElement[datetime] = func.now() if now is None else literal(now, Task.run_at.type)
    sources = [state.value for state in UNFINISHED]
    new = literal(priority, Task.priority.type)
    chosen = (
        select(
            Task.id,
            Task.queue,
            Task.state,
            Task.priority.label("before"),
            new.label("priority"),
            literal_column(SHARE).label("share"),
            LINE.label("line"),
        )
        .where(which, Task.state.in_(sources))
        .order_by(Task.id)
        .with_for_update(key_share=True)
        .cte("chosen")
    )
    ready = select(chosen).where(chosen.c.state == TaskState.QUEUED, chosen.c.before != new).cte("ready")
    lined = lined_up(ready, at)
    placed = (
        select(chosen.c.id, lined.c.position).outerjoin_from(chosen, lined, lined.c.id == chosen.c.id).cte("placed")
    )
    await session.execute(select(func.set_config("holdgate.reason", reason, True)))
    rows = await session.execute(
        update(Task)
        .where(Task.id == placed.c.id, Task.state.in_(sources))
        .values(
            {
                Task.priority: priority,
                Task.position: func.coalesce(placed.c.position, Task.position),
            }
        )
        .returning(Task.id)
        .execution_options(synchronize_session=False)
    )
    found = list(rows.scalars())
    await session.execute(select(func.set_config("holdgate.reason", "", True)))
    return found


async def resolve_tasks(
    session: WriteSession, which: ColumnElement[bool], by: str, reason: str, *, now: datetime | None = None
) -> list[UUID]:
    """Mark dead letters as dealt with; a retry takes the mark off. Returns those that had none."""
    at: ColumnElement[datetime] = func.now() if now is None else literal(now, Task.run_at.type)
    open_ = (Task.state == TaskState.DEAD_LETTER) & Task.resolved_at.is_(None)
    chosen = select(Task.id).where(which, open_).order_by(Task.id).with_for_update(key_share=True).cte("chosen")
    rows = await session.execute(
        update(Task)
        .where(Task.id == chosen.c.id, Task.state.concat("") == TaskState.DEAD_LETTER, Task.resolved_at.is_(None))
        .values(resolved_at=at, resolved_by=by, resolution=reason)
        .returning(Task.id)
        .execution_options(synchronize_session=False)
    )
    return list(rows.scalars())
