"""Whether decisions, what was shown and the event log still agree: what a receipt rests on, for `holdgate verify`."""

from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.approvals import values
from holdgate.approvals.models import Approval

CHUNK = 200  # what is shown may be long

_HOLDS = text(
    """
    SELECT format('task %s holds (%s) on no open question', t.id, t.state) FROM tasks t
    WHERE t.state IN ('pending_approval', 'needs_input', 'needs_auth')
      AND NOT EXISTS (SELECT FROM approvals a WHERE a.task_id = t.id AND a.state = 'pending')
    UNION ALL
    SELECT format('question %s is open, but its task %s is %s', a.id, t.id, t.state)
    FROM approvals a JOIN tasks t ON t.id = a.task_id WHERE a.state = 'pending' AND t.state <> a.hold
    LIMIT :limit
    """
)
# A question is closed and its task moved in one transaction, so both tell the same moment. Of what people decided, both
# tell the same person; of several, the log tells the last.
_DECISIONS = text(
    """
    SELECT format('question %s is %s by %s at %s, but the log of task %s has no such decision', a.id, a.state,
                  a.decided_by, a.decided_at, a.task_id)
    FROM approvals a
    WHERE a.state <> 'pending' AND NOT EXISTS (
      SELECT FROM task_events e
      WHERE e.task_id = a.task_id AND e.at = a.decided_at AND e.from_state = a.hold
        AND CASE a.state WHEN 'approved' THEN e.verb = 'approve' WHEN 'rejected' THEN e.verb = 'reject'
                         WHEN 'changes_requested' THEN e.verb = 'request_changes'
                         WHEN 'answered' THEN e.verb = 'answer' WHEN 'expired' THEN e.verb = 'expire' ELSE true END
        AND (a.state IN ('cancelled', 'expired')
             OR lower(substr(e.actor, strpos(e.actor, ':') + 1)) = ANY(string_to_array(lower(a.decided_by), ', '))))
    LIMIT :limit
    """
)
_MOVES = text(
    """
    SELECT format('task %s: %s by %s at %s is a decision that no question knows', e.task_id, e.verb, e.actor, e.at)
    FROM task_events e JOIN tasks t ON t.id = e.task_id
    WHERE e.verb IN ('approve', 'reject', 'request_changes', 'answer')
      AND NOT EXISTS (SELECT FROM approvals a WHERE a.task_id = e.task_id AND a.decided_at = e.at)
      AND NOT EXISTS (SELECT FROM task_events b WHERE b.task_id = e.task_id AND b.id > e.id AND b.verb = 'take_back')
    LIMIT :limit
    """
)
CHECKS = {
    "Tasks hold if and only if a question is open": _HOLDS,
    "Every decision is in the log": _DECISIONS,
    "Every decision in the log has its question": _MOVES,
}


async def problems(session: AsyncSession, check: str, limit: int) -> list[str]:
    """A sentence for everything that does not fit, at most `limit`. `check` is one of CHECKS."""
    rows: Any = await session.execute(CHECKS[check], {"limit": limit})
    return list(rows.scalars())


async def changed_questions(session: AsyncSession, limit: int) -> list[str]:
    """Questions that no longer are what was shown, read in chunks: a sentence for each, at most `limit`."""
    found: list[str] = []
    after = UUID(int=0)
    while len(found) < limit:
        rows = await session.execute(select(Approval).where(Approval.id > after).order_by(Approval.id).limit(CHUNK))
        chunk = list(rows.scalars())
        session.expunge_all()
        if not chunk:
            break
        after = chunk[-1].id
        found += [
            f"question {one.id} of task {one.task_id} is not what was shown: its version doesn’t match"
            for one in chunk
            if one.erased_at is None and sha256(values.as_shown(one)).hexdigest() != one.version
        ]
    return found[:limit]
