"""Statements about votes, passing on and asking back. Lock order as in queries.py."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Insert, and_, insert, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.approvals.models import Approval, Note, Recipient, Vote
from holdgate.approvals.rules.clock_queries import HURRY
from holdgate.approvals.rules.queries import at
from holdgate.approvals.states import ApprovalState
from holdgate.core.db import WriteSession
from holdgate.tasks.models import Task


async def run_of(session: AsyncSession, task_id: UUID) -> UUID | None:
    return (await session.execute(select(Task.run_id).where(Task.id == task_id))).scalar_one()


EVERY = true()


class Taken(NamedTuple):
    """A request that stays as it is until the transaction ends. `open`: it can still be decided."""

    approval: Approval
    open: bool


async def take(
    session: WriteSession, approval_id: UUID, which: ColumnElement[bool] = EVERY, *, now: datetime | None = None
) -> Taken | None:
    """Its task is locked, then it, whatever its state. `which`: no other is locked."""
    found = await session.execute(
        select(Approval, _open(now))
        .join(Task, Task.id == Approval.task_id)
        .where(Approval.id == approval_id, which)
        .with_for_update(key_share=True, of=(Task, Approval))
        .execution_options(populate_existing=True)
    )
    row = found.first()
    return Taken(*row) if row else None


def _open(now: datetime | None) -> ColumnElement[bool]:
    in_time = or_(Approval.expires_at.is_(None), Approval.expires_at > at(now))
    return and_(Approval.state == ApprovalState.PENDING, in_time)


async def open_approval(session: WriteSession, approval_id: UUID, *, now: datetime | None = None) -> Approval | None:
    """The question, if it can still be decided, locked as by `take`; whoever comes second sees what the first has made
    of it."""
    taken = await take(session, approval_id, now=now)
    return taken.approval if taken and taken.open else None


# Votes


def voting(values: dict[str, Any], *, now: datetime | None = None) -> Insert:
    """The statement that stores a vote, unless this person has voted already."""
    vote = upsert(Vote).values(**values, at=at(now))
    return vote.on_conflict_do_nothing(index_elements=[Vote.approval_id, Vote.person])


async def insert_vote(session: WriteSession, vote: Insert, event: Insert) -> Vote | None:
    """The vote, with the line of the timeline; None when this person has voted already."""
    rows = await session.execute(vote.returning(Vote).add_cte(event.cte("told")))
    return rows.scalars().first()


async def votes_of(session: AsyncSession, approval_ids: Sequence[UUID]) -> Sequence[Vote]:
    """In the order in which they were given."""
    found = await session.execute(select(Vote).where(Vote.approval_id.in_(approval_ids)).order_by(Vote.at, Vote.id))
    return found.scalars().all()


# Asking back


async def insert_note(session: WriteSession, values: dict[str, Any], *, now: datetime | None = None) -> None:
    await session.execute(insert(Note).values(**values, asked_at=at(now)))


async def notes_of(session: AsyncSession, approval_id: UUID) -> Sequence[Note]:
    """Oldest first."""
    found = await session.execute(select(Note).where(Note.approval_id == approval_id).order_by(Note.asked_at, Note.id))
    return found.scalars().all()


async def open_note(session: AsyncSession, approval_id: UUID) -> Note | None:
    found = await session.execute(select(Note).where(Note.approval_id == approval_id, Note.ended_at.is_(None)))
    return found.scalars().first()


async def end_note(
    session: WriteSession, note_id: UUID, *, by: str, answer: str | None, now: datetime | None = None
) -> Note | None:
    """Answer it, or withdraw it with None. None: it had ended already."""
    rows = await session.execute(
        update(Note)
        .where(Note.id == note_id, Note.ended_at.is_(None))
        .values(answer=answer, ended_by=by, ended_at=at(now))
        .returning(Note)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return rows.scalars().first()


# Passing on


async def insert_forwarded(
    session: WriteSession, recipient_id: UUID, email: str, *, sender: Recipient, note: str, pace: int
) -> None:
    """A colleague counts for the groups of whoever they decide for. They wait for their turn, ahead of what has no
    clock yet; with a pace of 0 they are never mailed."""
    await session.execute(
        insert(Recipient).values(
            id=recipient_id,
            approval_id=sender.approval_id,
            email=email,
            forwarded_from=sender.id,
            forward_note=note or None,
            groups=sender.groups,
            turn="waiting" if pace else None,
            urgency=sender.urgency if sender.urgency >= HURRY else sender.urgency + HURRY,
            pace=pace,
        )
    )
