"""What a task's page tells of the posting it applies to."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.postings import queries
from holdgate.postings.service import KIND
from holdgate.tasks.models import Task
from holdgate.tasks.timeline import TimelineParts


async def tell(session: AsyncSession, task: Task) -> TimelineParts:
    if task.kind != KIND:
        return TimelineParts()
    try:
        posting_id = UUID(str(task.payload.get("posting_id")))
    except ValueError:
        return TimelineParts()
    posting = await queries.find_posting(session, posting_id, task.owner_id)
    if posting is None:
        return TimelineParts()
    return TimelineParts(links=[("Posting", f"/postings/{posting.id}", f"{posting.title}, {posting.company}")])
