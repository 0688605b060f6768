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
from holdgate.approvals.rules import clock_queries
from holdgate.approvals.rules.clock_queries import Resumed
from holdgate.approvals.rules.tally import standing_of
from holdgate.core.db import WriteSession

A_MINUTE = timedelta(minutes=1)
FIRST_REMINDER = 0.5  # of the time; the second goes by what is left


async def start(session: WriteSession, approval_id: UUID, *, now: datetime | None = None) -> None:
    """The first delivery starts the time to decide; later ones change nothing."""
    approval = await clock_queries.start_clock(session, approval_id, now=now)
    if approval is None or approval.clock != "working" or approval.ttl is None or approval.expires_at is None:
        return
    begin = approval.expires_at - approval.ttl
    hours = await _hours(session, approval)
    ends, half = _end(hours, begin, approval.ttl), _end(hours, begin, approval.ttl * FIRST_REMINDER)
    remind_at = half if approval.remind_at is not None else None
    await clock_queries.set_deadline(session, approval_id, ends, remind_at)


async def stop(session: WriteSession, approval_id: UUID, *, now: datetime | None = None) -> None:
    approval = await clock_queries.stop_clock(session, approval_id, now=now)
    if approval is None or approval.clock != "working" or approval.time_left is None or approval.stopped_at is None:
        return
    left = await _left(session, approval, approval.stopped_at, approval.stopped_at + approval.time_left)
    await clock_queries.set_time_left(session, approval_id, left)


async def resume(session: WriteSession, approval_id: UUID, *, now: datetime | None = None) -> None:
    """Go on with the time that was left, and with the reminders that had not been sent."""
    resumed = await clock_queries.resume_clock(session, approval_id, now=now)
    if resumed is not None:
        await _count_hours(session, resumed, resumed.time)


async def go_on(session: WriteSession, resumed: Resumed, since: datetime | None, until: datetime | None) -> None:
    """An approval was taken back: what was left when it was given, `since`, of the time `until`, is left again."""
    if resumed.approval.clock == "working" and since is not None and until is not None:
        await _count_hours(session, resumed, max(A_MINUTE, await _left(session, resumed.approval, since, until)))


async def _count_hours(session: WriteSession, resumed: Resumed, left: timedelta | None) -> None:
    """The end by what is `left` of the hours in which people work."""
    approval, time = resumed
    if approval.clock != "working" or approval.expires_at is None or time is None or left is None:
        return
    ends = _end(await _hours(session, approval), approval.expires_at - time, left)
    await clock_queries.set_deadline(session, approval.id, ends, approval.remind_at)


async def _left(session: WriteSession, approval: Approval, since: datetime, until: datetime) -> timedelta:
    """What is left of working hours: nobody loses any of theirs, so somebody who works at other times may gain some."""
    assert approval.ttl is not None, "working hours are counted of a deadline"
    return min(approval.ttl, max(one.between(since, until) for one in await _hours(session, approval)))


async def _hours(session: WriteSession, approval: Approval) -> Collection[WorkingHours]:
    """Of those who can still decide; the usual ones where nobody can."""
    people = (await standing_of(session, approval)).still_asked
    found = await working_times.hours_of(session, [person.email for person in people])
    return found.values() or [WorkingHours()]


def _end(hours: Collection[WorkingHours], begin: datetime, time: timedelta) -> datetime:
    return max(one.after(begin, time) for one in hours)
