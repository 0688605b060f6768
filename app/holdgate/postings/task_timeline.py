"""What a task's page tells of the posting it applies to."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.postings import queries
from holdgate.postings.service import KIND
from holdgate.tasks.models import Task
from holdgate.tasks.timeline import Told, teller


@teller
async def tell(session: AsyncSession, task: Task) -> Told:
    if task.kind != KIND:
        return Told()
    try:
        posting_id = UUID(str(task.payload.get("posting_id")))
    except ValueError:
        return Told()
    posting = await queries.find_posting(session, posting_id, task.owner_id)
    if posting is None:
        return Told()
    return Told(links=[("Posting", f"/postings/{posting.id}", f"{posting.title}, {posting.company}")])
