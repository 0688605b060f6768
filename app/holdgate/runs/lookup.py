"""Looking a run up: it, its name, whether it keeps a task from going on. For every feature."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select, true
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.runs.models import Run
from holdgate.runs.states import RunState
from holdgate.tasks.models import Task
from holdgate.tasks.states import HOLDS, TaskState


async def find_run(session: AsyncSession, run_id: UUID, scope: UUID | None) -> Run | None:
    """None: no such run, or it is not of this person."""
    mine = true() if scope is None else Run.owner_id == scope
    found = await session.execute(select(Run).where(Run.id == run_id, mine))
    return found.scalars().first()


async def name_of(session: AsyncSession, run_id: UUID) -> str:
    return (await session.execute(select(Run.name).where(Run.id == run_id))).scalar_one()


async def holds_back(session: AsyncSession, task_id: UUID) -> bool:
    """Whether a paused run keeps the task from going on, now or as soon as a person has decided."""
    held = Task.state.in_([TaskState.PAUSED, *HOLDS])
    found = select(Run.id).join(Task, Task.run_id == Run.id)
    found = found.where(Task.id == task_id, held, Run.state == RunState.PAUSED)
    return (await session.execute(found)).first() is not None


async def names_of(session: AsyncSession, run_ids: Sequence[UUID]) -> dict[UUID, str]:
    rows = await session.execute(select(Run.id, Run.name).where(Run.id.in_(run_ids)))
    return {id: name for id, name in rows}


async def over_among(session: AsyncSession, run_ids: Sequence[UUID]) -> set[UUID]:
    """Those that are cancelled or deleted: none of their tasks goes on."""
    over = (Run.state == RunState.CANCELLED) | Run.deleted_at.is_not(None)
    return set((await session.execute(select(Run.id).where(Run.id.in_(run_ids), over))).scalars())
