"""Telling people of the requests whose turn has come: at once when one comes alone, else once it is clear how many."""

from datetime import datetime

from holdgate.approvals.requests.requesting import mail_question
from holdgate.approvals.rules import turn_queries
from holdgate.approvals.states import HoldType
from holdgate.core.db import WriteSession


async def tell_due(session: WriteSession, *, now: datetime | None = None) -> int:
    """The sweeper's beat. Returns how many people there were; who is being seen to elsewhere is left for the next."""
    people = await turn_queries.people_to_tell(session, now=now)
    for person in sorted(people):
        if await turn_queries.take_person(session, person):
            await _tell(session, person, now)
    return len(people)


async def _tell(session: WriteSession, person: str, now: datetime | None) -> None:
    requests = await turn_queries.to_tell(session, person)
    await turn_queries.mark_told(session, [one.recipient_id for one in requests], now=now)
    for one in requests:
        await mail_question(session, one.recipient_id, one.email, HoldType(one.hold), one.owner_id, one.title)
