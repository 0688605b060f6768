"""What a task's page tells of its run."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.runs.models import Run
from holdgate.tasks.models import Task
from holdgate.tasks.timeline import TimelineParts


async def tell(session: AsyncSession, task: Task) -> TimelineParts:
    if task.run_id is None:
        return TimelineParts()
    name = await session.scalar(select(Run.name).where(Run.id == task.run_id))
    return TimelineParts(links=[("Run", f"/runs/{task.run_id}", name or "View run")])
