"""Statements that say of postings that they were applied to, or that a task is about to."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import any_, func, literal, text, update
from sqlalchemy.dialects.postgresql import ARRAY

from holdgate.core.db import WriteSession
from holdgate.postings.duplicates.conditions import kept
from holdgate.postings.models import Posting


async def set_applied(
    session: WriteSession, posting_id: UUID, task_id: UUID | None, *, now: datetime | None = None
) -> None:
    """Only the first application counts."""
    await session.execute(
        update(Posting)
        .where(Posting.id == kept(posting_id), Posting.applied_at.is_(None))
        .values(applied_at=func.now() if now is None else now, applied_task_id=task_id)
        .execution_options(synchronize_session=False)
    )


async def set_applied_elsewhere(
    session: WriteSession, owner_id: UUID, ids: Sequence[UUID], at: datetime | None
) -> list[UUID]:
    """Those of this person that have not been applied to. Returns them."""
    changed = await session.execute(
        update(Posting)
        .where(Posting.owner_id == owner_id, Posting.id == any_(literal(list(ids), ARRAY(Posting.id.type))))
        .where(Posting.applied_at.is_(None))
        .values(applied_at=func.now() if at is None else func.least(at, func.now()))
        .returning(Posting.id)
        .execution_options(synchronize_session=False)
    )
    return list(changed.scalars())


async def unset_applied_elsewhere(session: WriteSession, owner_id: UUID, posting_id: UUID) -> bool:
    """False: there is no such posting, or a task has applied to it."""
    changed = await session.execute(
        update(Posting)
        .where(Posting.owner_id == owner_id, Posting.id == kept(posting_id))
        .where(Posting.applied_at.is_not(None), Posting.applied_task_id.is_(None))
        .values(applied_at=None, tracker_status="")
        .returning(Posting.id)
        .execution_options(synchronize_session=False)
    )
    return changed.first() is not None


# One that is over, gone, or waits for an approval has no request under way.
_BEGIN = text(
    """
    UPDATE postings p SET sending_task_id = :task
    WHERE p.id = (SELECT coalesce(duplicate_of, id) FROM postings WHERE id = :posting)
      AND (p.sending_task_id IS NULL OR p.sending_task_id = :task OR NOT EXISTS (
        SELECT FROM tasks t
        WHERE t.id = p.sending_task_id AND t.finished_at IS NULL AND t.state <> 'pending_approval'))
    RETURNING p.id
    """
)


async def set_sending(session: WriteSession, posting_id: UUID, task_id: UUID) -> bool:
    """False: another task is sending. Of two at once the second waits here for the first one's transaction."""
    return (await session.execute(_BEGIN, {"posting": posting_id, "task": task_id})).first() is not None
