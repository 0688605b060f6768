"""What a task's page tells of its run."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.runs.models import Run
from holdgate.tasks.models import Task
from holdgate.tasks.timeline import Told, teller


@teller
async def tell(session: AsyncSession, task: Task) -> Told:
    if task.run_id is None:
        return Told()
    name = await session.scalar(select(Run.name).where(Run.id == task.run_id))
    return Told(links=[("Run", f"/runs/{task.run_id}", name or "Open its run")])
