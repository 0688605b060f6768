"""Reminders at half and at 85 % of the time, to those asked who have not decided: one email for all of a person's.

Whoever waits for somebody may remind them besides, once an hour.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from holdgate.accounts.availability import working_times
from holdgate.approvals.models import Approval, Recipient
from holdgate.approvals.requests import telling
from holdgate.approvals.requests.requesting import MAIL_PRIORITY
from holdgate.approvals.rules import clock_queries, events, queries
from holdgate.approvals.rules.tally import standing_of
from holdgate.core.db import WriteSession
from holdgate.core.errors import Conflict
from holdgate.core.principal import Principal
from holdgate.core.text.addresses import same_person
from holdgate.mail import service as mail
from holdgate.runs import lookup as runs
from holdgate.runs.errors import RunNotFound

CHUNK = 100
PAUSE = timedelta(hours=1)  # between two reminders that people send


async def remind_due(session: WriteSession, *, now: datetime | None = None) -> int:
    """The sweeper's beat: each reminder once, however many sweep. Returns how many questions were due.

    Somebody whose first mail has not been accepted yet is not reminded of it, nor is one whom no mail reaches. Whoever
    wants quiet outside their working hours is reminded when those begin.
    """
    due = await clock_queries.count_reminders(session, limit=CHUNK, now=now)
    await _remind_each(session, due, "system", now=now)
    return len(due)


async def remind_of_run(
    session: WriteSession, by: Principal, run_id: UUID, email: str, *, now: datetime | None = None
) -> int:
    """Remind one person of what they can decide in a run of `by`. Returns of how many requests.

    Raises:
        RunNotFound: no such run, or somebody else's. Conflict: there is nothing to remind them of now.
    """
    if await runs.find_run(session, run_id, by.scope) is None:
        raise RunNotFound
    waiting = await clock_queries.remindable_of_run(session, run_id, email, PAUSE, limit=CHUNK, now=now)
    if not (n := await _remind_each(session, waiting, by.actor, only=email, now=now)):
        raise Conflict(
            f"Nothing to remind {email} of: reminded within the past hour, not reached by email, or decided."
        )
    return n


async def _remind_each(
    session: WriteSession,
    due: Sequence[Approval],
    actor: str,
    *,
    only: str | None = None,
    now: datetime | None = None,
) -> int:
    """One email to each person who can decide on any of these (or to `only`). Returns on how many."""
    reminded_of = 0
    theirs: dict[tuple[str, datetime | None], list[tuple[Recipient, Approval]]] = {}
    for approval in due:
        able = (await standing_of(session, approval, access=True)).able
        people = [
            person
            for person in able
            if person.state in ("sent", "shown")
            and person.turn == "open"
            and (only is None or same_person(person.email, only))
        ]
        times = {} if approval.urgent else await _quiet_until(session, [person.email for person in people], now)
        for person in people:
            email = person.email.lower()
            theirs.setdefault((email, times.get(email)), []).append((person, approval))
        reminded = {"people": [person.email for person in people]}
        if people:
            reminded_of += 1
            await events.record(session, approval.id, "remind", actor, data=reminded, now=now)
    for (_, run_at), of_one in theirs.items():
        await _remind(session, of_one, run_at, now)
    return reminded_of


async def _remind(
    session: WriteSession, of_one: list[tuple[Recipient, Approval]], run_at: datetime | None, now: datetime | None
) -> None:
    """One email to one person, whatever the number."""
    person, approval = of_one[0]
    if len(of_one) > 1:
        await telling.remind_of_many(session, person.email, len(of_one), run_at=run_at, now=now)
        return
    await mail.send(
        session,
        template="approval_reminder",
        to=person.email,
        data={"recipient_id": str(person.id)},
        owner_id=approval.owner_id,
        title=f"Remind {person.email}: {approval.title}",
        run_at=run_at,
        priority=MAIL_PRIORITY,
    )


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
