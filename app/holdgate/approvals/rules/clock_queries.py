"""Statements about the time to decide: its start, its rest while it stands still, reminders, and its end anew."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Interval,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from holdgate.approvals.models import Approval, ApprovalEvent, Recipient
from holdgate.approvals.rules.queries import at
from holdgate.approvals.states import APPROVAL_MACHINE, ApprovalState, ApprovalVerb
from holdgate.core.db import WriteSession
from holdgate.tasks.models import Task

HURRY = 2000  # added to the priority of a task, which is at most 1000
# A question with less time than this gets no reminder: its first mail has hardly been read by then.
REMIND_FROM = timedelta(minutes=10)
REMIND_LEFT = (0.5, 0.15)  # of the time, when the first and the second reminder go out


async def start_clock(session: WriteSession, approval_id: UUID, *, now: datetime | None = None) -> Approval | None:
    """The first delivery starts the time to decide; later ones change nothing. Stopped, it starts when it goes on.

    Returns the request whose clock has started: requests/clock.py has the rest for working hours.
    """
    runs = Approval.stopped_at.is_(None)
    ends = at(now) + Approval.ttl
    # Once others are asked as well it is their time, so it starts with the first of them.
    theirs = or_(Approval.escalated_at.is_(None), _escalated_and_told().exists())
    started = await session.execute(
        update(Approval)
        .where(
            Approval.id == approval_id,
            Approval.clock_started_at.is_(None),
            Approval.state == ApprovalState.PENDING,
            theirs,
        )
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
    if found is None:
        return None
    # For those who still wait for their turn there is not much time: it comes next.
    await session.execute(
        update(Recipient)
        .where(Recipient.approval_id == approval_id, Recipient.turn == "waiting", Recipient.urgency < HURRY)
        .values(urgency=Recipient.urgency + HURRY)
        .execution_options(synchronize_session=False)
    )
    return found


def _escalated_and_told() -> Select[Any]:
    passed_on = aliased(Recipient)
    return select(Recipient.id).where(
        Recipient.approval_id == Approval.id,
        Recipient.escalated,
        or_(
            Recipient.state.in_(("sent", "shown")),
            select(passed_on.id).where(passed_on.forwarded_from == Recipient.id).exists(),
        ),
    )


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
    time: timedelta | None  # what was left of it; None: it has no deadline


async def resume_clock(session: WriteSession, approval_id: UUID, *, now: datetime | None = None) -> Resumed | None:
    """Go on with the time that was left, and with the reminders that had not been sent. None: it goes."""
    ends = at(now) + Approval.time_left
    rows = await session.execute(
        update(Approval)
        .where(Approval.id == approval_id, Approval.stopped_at.is_not(None))
        .values(stopped_at=null(), time_left=null(), expires_at=ends, remind_at=_next_reminder(ends))
        .returning(Approval, type_coerce(Approval.expires_at - at(now), Interval()))
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    row = rows.first()
    return None if row is None else Resumed(*row)


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


async def reopen(
    session: WriteSession, approval_id: UUID, *, window: timedelta = timedelta(), now: datetime | None = None
) -> Resumed | None:
    """Take a decision back: an approval while its task still waits for that, a rejection not older than `window`. None:
    it is neither, or its time is over.

    The clock goes on with what was left at the decision, at least a minute. The answers stay, to be shown again.
    """
    left = func.greatest(Approval.expires_at - Approval.decided_at, literal(timedelta(minutes=1), Interval))
    lasts = case((Approval.state == ApprovalState.REJECTED, literal(window, Interval)), else_=Approval.take_back)
    ends = case((Approval.expires_at.is_not(None), at(now) + left))
    rows = await session.execute(
        update(Approval)
        .where(
            Approval.id == approval_id,
            Approval.state.in_(APPROVAL_MACHINE.sources(ApprovalVerb.TAKE_BACK)),
            # Not as the transaction began: while it waited, a program may have used the approval (programs/using.py).
            Approval.decided_at + lasts > (func.clock_timestamp() if now is None else at(now)),
        )
        .values(
            state=APPROVAL_MACHINE.moves[ApprovalVerb.TAKE_BACK].targets[0].value,
            expires_at=ends,
            remind_at=_next_reminder(ends),
            decided_at=None,
            decided_by=None,
            decided_from=None,
            reason=None,
            option=None,
        )
        .returning(Approval, type_coerce(Approval.expires_at - at(now), Interval()))
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    row = rows.first()
    return None if row is None else Resumed(*row)


# Reminders


def _share(part: float) -> ColumnElement[timedelta]:
    return func.interval_mul(Approval.ttl, part, type_=Interval())


def _next_reminder(ends: ColumnElement[Any]) -> ColumnElement[datetime | None]:
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


async def remindable_of_run(
    session: WriteSession, run_id: UUID, email: str, pause: timedelta, *, limit: int, now: datetime | None = None
) -> list[Approval]:
    """The open requests of a run that this person was not reminded of within `pause`, the most pressing first."""
    lately = exists().where(
        ApprovalEvent.approval_id == Approval.id,
        ApprovalEvent.verb == "remind",
        ApprovalEvent.at > at(now) - pause,
        ApprovalEvent.data.contains({"people": [email]}),
    )
    query = (
        select(Approval)
        .join(Task, Task.id == Approval.task_id)
        .where(Task.run_id == run_id, Approval.state == ApprovalState.PENDING, Approval.expires_at > at(now), ~lately)
        .order_by(Approval.expires_at)
        .limit(limit)
    )
    return list((await session.execute(query)).scalars())
