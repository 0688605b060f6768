"""Statements about votes, passing on, asking back, the stopped clock and reminders. Lock order as in queries.py."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Insert, Interval, and_, case, func, insert, null, or_, select, type_coerce, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.approvals.models import Approval, Note, Recipient, Vote
from holdgate.approvals.rules.queries import at
from holdgate.approvals.states import ApprovalState
from holdgate.core.db import WriteSession
from holdgate.tasks.models import Task

HURRY = 2000  # added to the priority of a task, which is at most 1000
# A question with less time than this gets no reminder: its first mail has hardly been read by then.
REMIND_FROM = timedelta(minutes=10)
REMIND_LEFT = (0.5, 0.15)  # of the time, when the first and the second reminder go out


async def run_of(session: AsyncSession, task_id: UUID) -> UUID | None:
    return (await session.execute(select(Task.run_id).where(Task.id == task_id))).scalar_one()


async def open_approval(
    session: WriteSession, approval_id: UUID, *, version: str | None = None, now: datetime | None = None
) -> Approval | None:
    """The question, if it can still be decided on what was shown. Its task is locked, then it; whoever comes second
    sees what the first has made of both."""
    query = (
        select(Approval)
        .join(Task, Task.id == Approval.task_id)
        .where(
            Approval.id == approval_id,
            Approval.state == ApprovalState.PENDING,
            or_(Approval.expires_at.is_(None), Approval.expires_at > at(now)),
        )
        .with_for_update(key_share=True, of=(Task, Approval))
    )
    if version is not None:
        query = query.where(Approval.version == version)
    found = await session.execute(query.execution_options(populate_existing=True))
    return found.scalars().first()


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


# Asking back, and the clock


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


async def start_clock(session: WriteSession, approval_id: UUID, *, now: datetime | None = None) -> Approval | None:
    """The first delivery starts the time to decide; later ones change nothing. Stopped, it starts when it goes on.

    Returns the request whose clock has started: requests/clock.py has the rest for working hours.
    """
    runs = Approval.stopped_at.is_(None)
    ends = at(now) + Approval.ttl
    started = await session.execute(
        update(Approval)
        .where(Approval.id == approval_id, Approval.clock_started_at.is_(None), Approval.state == ApprovalState.PENDING)
        .values(
            clock_started_at=at(now),
            expires_at=case((runs, ends)),
            time_left=case((~runs, Approval.ttl)),
            remind_at=case((and_(runs, Approval.ttl >= REMIND_FROM), ends - _share(REMIND_LEFT[0]))),
        )
        .returning(Approval)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    found = started.scalars().first()
    # For those who still wait for their turn there is not much time: it comes next.
    await session.execute(
        update(Recipient)
        .where(Recipient.approval_id == approval_id, Recipient.turn == "waiting", Recipient.urgency < HURRY)
        .values(urgency=Recipient.urgency + HURRY)
        .execution_options(synchronize_session=False)
    )
    return found


async def stop_clock(session: WriteSession, approval_id: UUID, *, now: datetime | None = None) -> Approval | None:
    """None: it stands still already."""
    rows = await session.execute(
        update(Approval)
        .where(Approval.id == approval_id, Approval.stopped_at.is_(None))
        .values(stopped_at=at(now), time_left=Approval.expires_at - at(now), expires_at=null(), remind_at=null())
        .returning(Approval)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return rows.scalars().first()


class Resumed(NamedTuple):
    approval: Approval
    time: timedelta  # what was left of it


async def resume_clock(session: WriteSession, approval_id: UUID, *, now: datetime | None = None) -> Resumed | None:
    """Go on with the time that was left, and with the reminders that had not been sent. None: it has no deadline."""
    ends = at(now) + Approval.time_left
    rows = await session.execute(
        update(Approval)
        .where(Approval.id == approval_id, Approval.stopped_at.is_not(None))
        .values(stopped_at=null(), time_left=null(), expires_at=ends, remind_at=_next_reminder(ends))
        .returning(Approval, type_coerce(Approval.expires_at - at(now), Interval()))
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    row = rows.first()
    return None if row is None or row[1] is None else Resumed(row[0], row[1])


async def set_deadline(
    session: WriteSession, approval_id: UUID, expires_at: datetime, remind_at: datetime | None
) -> None:
    await session.execute(
        update(Approval)
        .where(Approval.id == approval_id)
        .values(expires_at=expires_at, remind_at=remind_at)
        .execution_options(synchronize_session=False)
    )


async def set_time_left(session: WriteSession, approval_id: UUID, left: timedelta) -> None:
    await session.execute(
        update(Approval)
        .where(Approval.id == approval_id)
        .values(time_left=left)
        .execution_options(synchronize_session=False)
    )


async def restart_clock(session: WriteSession, approval_id: UUID, *, now: datetime | None = None) -> None:
    """Others are asked from now on: the time to decide starts anew, when the first of them has been told."""
    await session.execute(
        update(Approval)
        .where(Approval.id == approval_id)
        .values(escalated_at=at(now), clock_started_at=null(), expires_at=null(), remind_at=null(), reminders=0)
        .execution_options(synchronize_session=False)
    )


async def time_left(session: AsyncSession, approval_id: UUID, *, now: datetime | None = None) -> timedelta | None:
    """None: it has no deadline."""
    running = Approval.expires_at - at(now)
    left: timedelta | None = await session.scalar(
        select(func.coalesce(running, Approval.time_left, Approval.ttl)).where(Approval.id == approval_id)
    )
    return left


# Reminders


def _share(part: float) -> ColumnElement[timedelta]:
    return func.interval_mul(Approval.ttl, part, type_=Interval())


def _next_reminder(ends: ColumnElement[datetime]) -> ColumnElement[datetime | None]:
    """When the first is due that has not been sent; NULL after the last."""
    due = [(Approval.reminders == number, ends - _share(left)) for number, left in enumerate(REMIND_LEFT)]
    return case((Approval.ttl >= REMIND_FROM, case(*due)))


async def count_reminders(session: WriteSession, *, limit: int, now: datetime | None = None) -> list[Approval]:
    """The questions of which a reminder is due, counted as reminded: no other sweeper finds them.

    Only the latest is sent of those that came due while no worker ran.
    """
    due = (
        select(Approval.id)
        .where(
            Approval.state == ApprovalState.PENDING,
            Approval.remind_at <= at(now),
            Approval.expires_at > at(now),
        )
        .order_by(Approval.remind_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    last = Approval.expires_at - _share(REMIND_LEFT[-1])
    rows = await session.execute(
        update(Approval)
        .where(Approval.id.in_(due))
        .values(
            reminders=case((last <= at(now), len(REMIND_LEFT)), else_=Approval.reminders + 1),
            remind_at=case((last > at(now), last)),
        )
        .returning(Approval)
        .execution_options(synchronize_session=False)
    )
    return list(rows.scalars())


# Passing on


async def insert_forwarded(
    session: WriteSession, recipient_id: UUID, email: str, *, sender: Recipient, note: str, mailed: bool
) -> None:
    """A colleague counts for the groups of whoever they decide for; one who is mailed waits for their turn."""
    await session.execute(
        insert(Recipient).values(
            id=recipient_id,
            approval_id=sender.approval_id,
            email=email,
            forwarded_from=sender.id,
            forward_note=note or None,
            groups=sender.groups,
            turn="waiting" if mailed else None,
            urgency=sender.urgency,
            pace=sender.pace,
        )
    )
