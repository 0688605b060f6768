"""Telling people of the requests whose turn has come: few by an email each, many by one, none while they are at it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from holdgate.approvals.requests.requesting import MAIL_PRIORITY, mail_question
from holdgate.approvals.rules import digest_queries, turn_queries
from holdgate.approvals.rules.turn_queries import Untold
from holdgate.approvals.states import HoldType
from holdgate.approvals.values import PACE
from holdgate.core.db import WriteSession
from holdgate.core.ids import uuid7
from holdgate.core.text.addresses import canonical_address
from holdgate.mail import service as mail


async def tell_due(session: WriteSession, *, few: int = PACE.digest_after, now: datetime | None = None) -> int:
    """The sweeper's beat. Returns how many people there were; who is being seen to elsewhere is left for the next.

    Args:
        few: so many within a minute are told one by one.
    """
    people = await turn_queries.people_to_tell(session, now=now)
    for person in sorted(people):
        if await turn_queries.take_person(session, person):
            requests = await turn_queries.to_tell(session, person)
            # A link is for one address, also where two are one person's.
            for email in sorted({one.email.lower() for one in requests}):
                theirs = [one for one in requests if one.email.lower() == email]
                await _tell(session, person, theirs, few, now)
    return len(people)


async def _tell(session: WriteSession, person: str, requests: Sequence[Untold], few: int, now: datetime | None) -> None:
    ids, email = [one.recipient_id for one in requests], requests[0].email
    recently = await digest_queries.recently(session, person, email, now=now)
    many = recently.n + len(requests) > few
    later = recently.busy_until or (recently.mailed_until if many else None)
    if later is not None:
        await digest_queries.postpone(session, ids, later)
        return
    await turn_queries.mark_told(session, ids, now=now)
    if many:
        digest_id = uuid7()
        await digest_queries.insert_digest(session, digest_id, person, email, now=now)
        await digest_queries.join(session, ids, digest_id)
        await mail_digest(session, "approval_digest", digest_id, email, len(ids))
        return
    for one in requests:
        await mail_question(session, one.recipient_id, one.email, HoldType(one.hold), one.owner_id, one.title)


async def mail_digest(
    session: WriteSession, template: str, digest_id: UUID, email: str, n: int, run_at: datetime | None = None
) -> None:
    await mail.send(
        session,
        template=template,
        to=email,
        data={"digest_id": str(digest_id)},
        title=f"Ask {email}: {n:,} decisions" if template == "approval_digest" else f"Remind {email}: {n:,} decisions",
        run_at=run_at,
        priority=MAIL_PRIORITY,
    )


async def remind_of_many(
    session: WriteSession, email: str, n: int, *, run_at: datetime | None, now: datetime | None
) -> None:
    """One email, with the link to the session that the person has, or gets by it."""
    person = canonical_address(email)
    digest = await digest_queries.newest(session, person, email, now=now)
    digest_id = digest.id if digest else uuid7()
    if digest is None:
        await digest_queries.insert_digest(session, digest_id, person, email, now=now)
    await mail_digest(session, "approval_reminder_digest", digest_id, email, n, run_at)
