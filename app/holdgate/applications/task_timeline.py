"""What a task's page tells of the application that it makes."""

from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.applications import queries
from holdgate.applications.states import ApplicationChannel
from holdgate.tasks.models import Task
from holdgate.tasks.states import TaskState
from holdgate.tasks.timeline import TimelineParts


async def tell(session: AsyncSession, task: Task) -> TimelineParts:
    found = await queries.application_of(session, task.id)
    if found is None:
        return TimelineParts()
    here = f"/applications/{found.id}"
    links = [("Application", here, f"{found.title}, {found.company}")]
    by_hand = found.sent_at is None and found.channel != ApplicationChannel.ELSEWHERE
    if not by_hand or task.state == TaskState.RUNNING:
        return TimelineParts(links=links)
    return TimelineParts(links=links, actions=[(f"{here}/hand-off", "Send it by hand")])
