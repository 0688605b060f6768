"""The time to decide: it starts with the first delivery, stands still for clarification, and may count working hours.

By working hours a request ends when the last of those asked has had all of its time in theirs, so that nobody is
hurried by a colleague who works at other hours.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from holdgate.accounts.availability import working_times
from holdgate.accounts.availability.working_hours import WorkingHours
from holdgate.approvals.models import Approval
from holdgate.approvals.rules import policy_queries
from holdgate.approvals.rules.tally import standing_of
from holdgate.core.db import WriteSession

FIRST_REMINDER = 0.5  # of the time; the second goes by what is left


async def start(session: WriteSession, approval_id: UUID, *, now: datetime | None = None) -> None:
    """The first delivery starts the time to decide; later ones change nothing."""
    approval = await policy_queries.start_clock(session, approval_id, now=now)
    if approval is None or approval.clock != "working" or approval.ttl is None or approval.expires_at is None:
        return
    begin = approval.expires_at - approval.ttl
    hours = await _hours(session, approval)
    ends, half = _end(hours, begin, approval.ttl), _end(hours, begin, approval.ttl * FIRST_REMINDER)
    remind_at = half if approval.remind_at is not None else None
    await policy_queries.set_deadline(session, approval_id, ends, remind_at)


async def stop(session: WriteSession, approval_id: UUID, *, now: datetime | None = None) -> None:
    approval = await policy_queries.stop_clock(session, approval_id, now=now)
    if approval is None or approval.clock != "working" or approval.time_left is None or approval.stopped_at is None:
        return
    # Of the one who sets the end it is exactly what is left; others have as much or more.
    ends = approval.stopped_at + approval.time_left
    hours = await _hours(session, approval)
    left = min(one.between(approval.stopped_at, ends) for one in hours)
    await policy_queries.set_time_left(session, approval_id, left)


async def resume(session: WriteSession, approval_id: UUID, *, now: datetime | None = None) -> None:
    """Go on with the time that was left, and with the reminders that had not been sent."""
    left = await policy_queries.resume_clock(session, approval_id, now=now)
    if left is None or left.approval.clock != "working" or left.approval.expires_at is None:
        return
    begin = left.approval.expires_at - left.time
    ends = _end(await _hours(session, left.approval), begin, left.time)
    await policy_queries.set_deadline(session, approval_id, ends, left.approval.remind_at)


async def _hours(session: WriteSession, approval: Approval) -> Collection[WorkingHours]:
    """Of those who can still decide; the usual ones where nobody can."""
    people = (await standing_of(session, approval)).still_asked
    found = await working_times.hours_of(session, [person.email for person in people])
    return found.values() or [WorkingHours()]


def _end(hours: Collection[WorkingHours], begin: datetime, time: timedelta) -> datetime:
    return max(one.after(begin, time) for one in hours)
