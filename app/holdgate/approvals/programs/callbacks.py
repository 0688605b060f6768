"""Telling a program what became of its request, at the address that it named, once the decision stands.

A chore sees to it, and not the statement that decides: requests also end with their tasks, by a trigger.
"""

from sqlalchemy import text

from holdgate.approvals.models import Approval
from holdgate.approvals.programs import queries
from holdgate.core.config import Settings
from holdgate.core.db import WriteSession
from holdgate.webhooks import service as webhooks

CHUNK = 50

DUE = text(
    """
    EXISTS (SELECT FROM program_requests r JOIN approvals a ON a.task_id = r.task_id
            WHERE r.calls_back AND a.state <> 'pending'
              AND NOT (a.state = 'approved' AND a.decided_at + a.take_back > now()))
    """
)


async def call_back(session: WriteSession, settings: Settings) -> bool:
    """True: there may be more."""
    found = await queries.take_callbacks(session, limit=CHUNK)
    for approval, metadata in found:
        assert approval.decided_at is not None, "it has ended"
        type = f"approval.{approval.state}"
        data = {**_told(approval, settings.base_url), "metadata": metadata}
        await webhooks.call_back(session, approval.task_id, type, approval.decided_at, data)
    return len(found) == CHUNK


def _told(approval: Approval, base_url: str) -> dict[str, object]:
    return {
        "id": str(approval.id),
        "task_id": str(approval.task_id),
        "state": approval.state,
        "option": approval.option,
        "form": approval.answer or {},
        "by": approval.decided_by,
        "reason": approval.reason,
        "url": f"{base_url}/approvals/{approval.id}",
    }
