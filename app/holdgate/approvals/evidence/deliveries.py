"""What became of the mail to each person asked: accepted, refused, its link opened by a person or by a scanner."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.approvals.evidence.link_opens import openings_of
from holdgate.approvals.models import ApprovalEvent, Recipient
from holdgate.approvals.rules.events import mails_of
from holdgate.approvals.rules.models import LinkOpening


class RecipientDelivery(NamedTuple):
    """`mails`: what the mail server said, oldest first."""

    person: Recipient
    mails: list[ApprovalEvent]
    openings: list[LinkOpening]

    @property
    def seen(self) -> bool:
        """Whether probably a person has looked."""
        return any(opening.opener == "person" for opening in self.openings)


async def deliveries(session: AsyncSession, approval_id: UUID, people: Sequence[Recipient]) -> list[RecipientDelivery]:
    """Of every person asked."""
    mails: dict[UUID | None, list[ApprovalEvent]] = {}
    for event in await mails_of(session, approval_id):
        mails.setdefault(event.recipient_id, []).append(event)
    openings = await openings_of(session, approval_id)
    return [RecipientDelivery(person, mails.get(person.id, []), openings.get(person.id, [])) for person in people]
