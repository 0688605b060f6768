"""Reminders at half and at 85 % of the time, to those asked who have not decided."""

from datetime import datetime

from sqlalchemy import select

from holdgate.accounts.availability import working_times
from holdgate.approvals.requests.requesting import MAIL_PRIORITY
from holdgate.approvals.rules import events, policy_queries, queries
from holdgate.approvals.rules.tally import standing_of
from holdgate.core.db import WriteSession
from holdgate.mail import service as mail

CHUNK = 100


async def remind_due(session: WriteSession, *, now: datetime | None = None) -> int:
    """The sweeper's beat: each reminder once, however many sweep. Returns how many questions were due.

    Somebody whose first mail has not been accepted yet is not reminded of it, nor is one whom no mail reaches. Whoever
    wants quiet outside their working hours is reminded when those begin.
    """
    due = await policy_queries.count_reminders(session, limit=CHUNK, now=now)
    for approval in due:
        people = [
            person for person in (await standing_of(session, approval, access=True)).able if person.state == "sent"
        ]
        times = {} if approval.urgent else await _quiet_until(session, [person.email for person in people], now)
        for person in people:
            await mail.send(
                session,
                template="approval_reminder",
                to=person.email,
                data={"recipient_id": str(person.id)},
                owner_id=approval.owner_id,
                title=f"Remind {person.email}: {approval.title}",
                run_at=times.get(person.email.lower()),
                priority=MAIL_PRIORITY,
            )
        reminded = {"people": [person.email for person in people]}
        if people:
            await events.record(session, approval.id, "remind", "system", data=reminded, now=now)
    return len(due)


async def _quiet_until(session: WriteSession, emails: list[str], now: datetime | None) -> dict[str, datetime]:
    """Address → when its person works again, of those who want no reminders at other times and do not work now.

    An email that comes too late for its request is not sent (mails.py).
    """
    hours = await working_times.hours_of(session, emails)
    moment = (await session.execute(select(queries.at(now)))).scalar_one() if hours else None
    return {
        email: begins
        for email, one in hours.items()
        if one.quiet and moment is not None and (begins := one.next(moment)) > moment
    }
