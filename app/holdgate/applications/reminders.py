"""What the task that reminds of an application asks, and what it does with the answer."""

from uuid import UUID

import msgspec

from holdgate.applications import queries
from holdgate.applications.models import Application
from holdgate.applications.states import ApplicationStatus, ApplicationVerb
from holdgate.core.db import Session, WriteSession

CHOICES = {
    "They have replied": ApplicationStatus.REPLIED,
    "I am invited to an interview": ApplicationStatus.INTERVIEW,
    "They have offered me the job": ApplicationStatus.OFFER,
    "They have said no": ApplicationStatus.REJECTED,
    "I expect no answer any more": ApplicationStatus.NO_ANSWER,
}


class Reminder(msgspec.Struct, frozen=True, kw_only=True):
    """`shown`: what a person needs to know it by; `over`: nothing more is expected."""

    title: str
    company: str
    status: str
    over: bool
    shown: dict[str, str]


async def reminder_of(session: Session, application_id: UUID, owner_id: UUID | None, base_url: str) -> Reminder | None:
    """None: there is no such application of that person."""
    found = await _of_person(session, application_id, owner_id)
    if found is None:
        return None
    sent = f"{found.sent_at.day} {found.sent_at:%B %Y}" if found.sent_at else ""
    return Reminder(
        title=found.title,
        company=found.company,
        status=found.status,
        over=found.status in (ApplicationStatus.OFFER, ApplicationStatus.REJECTED),
        shown={
            "Position": found.title,
            "Company": found.company,
            "Sent": sent,
            "Contact": found.contact,
            "Notes": found.notes,
            "Application": f"{base_url}/applications/{found.id}",
        },
    )


async def record_answer(
    session: WriteSession, application_id: UUID, owner_id: UUID | None, status: ApplicationStatus | None, notes: str
) -> str:
    """Returns how it stands now, or "" if that person has no such application; the reminder is over."""
    found = await _of_person(session, application_id, owner_id)
    if found is None:
        return ""
    which = Application.id == application_id
    moved = status is not None and await queries.move(session, ApplicationVerb.RECORD, which, to=status)
    added = "\n\n".join(part for part in (found.notes, notes.replace("\0", "").strip()) if part)
    await queries.change(session, application_id, notes=added, follow_up_at=None, follow_up_task_id=None)
    return str(status if moved else found.status)


async def _of_person(session: Session, application_id: UUID, owner_id: UUID | None) -> Application | None:
    """Without an owner none: no scope would mean everybody's."""
    return await queries.find_application(session, application_id, owner_id) if owner_id else None
