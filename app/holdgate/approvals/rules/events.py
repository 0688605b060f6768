"""The trail of one question: who did what with it, and when. Written in the transaction that did it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Insert, func, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.approvals.models import ApprovalEvent
from holdgate.core.db import WriteSession

MAILED = ("mail_accepted", "mail_refused")


async def record(
    session: WriteSession,
    approval_id: UUID,
    verb: str,
    actor: str,
    *,
    recipient_id: UUID | None = None,
    data: dict[str, Any] | None = None,
    now: datetime | None = None,
) -> None:
    """Write one line.

    Args:
        verb: `ask`, `approve`, `forward` …; a template has a sentence for each.
        actor: an address, or `system`.
        recipient_id: the person asked whom it is about.
    """
    await session.execute(line(approval_id, verb, actor, recipient_id=recipient_id, data=data, now=now))


def line(
    approval_id: UUID,
    verb: str,
    actor: str,
    *,
    recipient_id: UUID | None = None,
    data: dict[str, Any] | None = None,
    now: datetime | None = None,
) -> Insert:
    """The statement that writes it, for who has more to write with it."""
    values = {
        "approval_id": approval_id,
        "recipient_id": recipient_id,
        "verb": verb,
        "actor": actor,
        "data": data or {},
        "at": func.now() if now is None else literal(now, ApprovalEvent.at.type),
    }
    return insert(ApprovalEvent).values(values)


async def events_of(session: AsyncSession, approval_id: UUID) -> Sequence[ApprovalEvent]:
    """What people did, and the clock; oldest first."""
    return await _lines(session, approval_id, ApprovalEvent.verb.not_in(MAILED))


async def mails_of(session: AsyncSession, approval_id: UUID) -> Sequence[ApprovalEvent]:
    """What mail servers said; oldest first."""
    return await _lines(session, approval_id, ApprovalEvent.verb.in_(MAILED))


async def _lines(session: AsyncSession, approval_id: UUID, which: ColumnElement[bool]) -> Sequence[ApprovalEvent]:
    found = await session.execute(
        select(ApprovalEvent).where(ApprovalEvent.approval_id == approval_id, which).order_by(ApprovalEvent.id)
    )
    return found.scalars().all()
