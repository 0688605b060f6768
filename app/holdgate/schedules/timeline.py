"""What a task's page tells of the schedule that started it."""

from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.tasks.models import Task
from holdgate.tasks.timeline import TimelineParts


async def tell(session: AsyncSession, task: Task) -> TimelineParts:
    name, _, id = (task.subject or "").partition(":")
    if name != "schedule":
        return TimelineParts()
    return TimelineParts(links=[("Schedule", f"/schedules/{id}", "Started by its schedule")])
