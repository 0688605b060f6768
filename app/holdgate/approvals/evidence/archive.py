"""What retention asks about requests: whether people have decided on a task, and what the archive keeps of it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.approvals.evidence import receipts
from holdgate.approvals.models import Approval
from holdgate.core.config import Settings
from holdgate.tasks.models import Task
from holdgate.tasks.queue.archiving import by_task, read_parts

# There is a receipt of these.
DECIDED = exists().where(Approval.task_id == Task.id, Approval.state.in_(receipts.DECIDED)).correlate(Task)
_REQUESTS = by_task(
    """
    SELECT a.task_id, jsonb_agg(to_jsonb(a) - 'task_id' || jsonb_build_object(
        'recipients', (SELECT jsonb_agg(to_jsonb(r)) FROM approval_recipients r WHERE r.approval_id = a.id),
        'votes', (SELECT jsonb_agg(to_jsonb(v) ORDER BY v.at) FROM approval_votes v WHERE v.approval_id = a.id),
        'notes', (SELECT jsonb_agg(to_jsonb(n) ORDER BY n.id) FROM approval_notes n WHERE n.approval_id = a.id),
        'events', (SELECT jsonb_agg(to_jsonb(e) ORDER BY e.id) FROM approval_events e WHERE e.approval_id = a.id)
      ) ORDER BY a.created_at) AS plain
    FROM approvals a WHERE a.task_id = ANY(CAST(:ids AS uuid[])) GROUP BY a.task_id
    """
)


async def requests_of(session: AsyncSession, settings: Settings, ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """The requests of these tasks, and the signed receipts of what was decided, each as the text of its file."""
    found = await read_parts(session, {"requests": _REQUESTS}, ids)
    rows = await session.execute(
        select(Approval)
        .where(Approval.task_id.in_(ids), Approval.state.in_(receipts.DECIDED))
        .order_by(Approval.created_at)
    )
    for approval in rows.scalars():
        receipt = await receipts.receipt_of(session, settings, approval)
        found[approval.task_id].setdefault("receipts", []).append(receipt.text.decode())
    return found
