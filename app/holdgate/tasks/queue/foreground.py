"""The claim of one task by its id, for who wants to see it run. Limits of kinds and paused queues are passed over."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from holdgate.core.db import WriteSession
from holdgate.tasks.queue.claims import CLAIMED, TAKE, Claimed

_ONE = "WITH c AS MATERIALIZED (SELECT ctid AS row FROM tasks WHERE id = :id AND state = 'queued' FOR NO KEY UPDATE"
_TAKE_ONE = text(_ONE + TAKE + " SELECT " + CLAIMED)


async def claim_one(
    session: WriteSession, task_id: UUID, *, worker: UUID, lease: timedelta, now: datetime | None = None
) -> Claimed | None:
    """The task, leased to `worker`; None: it is not ready, or a worker was faster."""
    rows = await session.execute(_TAKE_ONE, {"id": task_id, "worker": worker, "lease": lease, "now": now})
    row = rows.first()
    return None if row is None else Claimed(*row)
