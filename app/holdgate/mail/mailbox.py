"""The built-in mailbox: where mail goes in development, and its reading."""

from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from uuid import UUID

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from holdgate.core.config import Settings
from holdgate.core.db import Session, WriteSession
from holdgate.core.errors import NotFound
from holdgate.core.ids import uuid7
from holdgate.mail.models import MailboxMessage

SHOWN = 100  # messages on the page; older ones are found by searching


class MailboxEntry(msgspec.Struct, frozen=True):
    """A line of the list."""

    id: UUID
    recipient: str
    subject: str
    at: datetime


class RawMessage(msgspec.Struct, frozen=True):
    """A message; `raw` as it would have gone over SMTP."""

    entry: MailboxEntry
    raw: bytes


def in_use(settings: Settings) -> bool:
    """Whether mail goes to the mailbox. Its pages exist only then: they show everybody's mail to anybody."""
    return settings.development and not settings.smtp_url


async def deliver(session: WriteSession, message: EmailMessage) -> None:
    """Put `message` in. One with the same Message-ID takes the place of the earlier."""
    content = {
        "recipient": str(message["To"]),
        "subject": str(message["Subject"]),
        "raw": message.as_bytes(policy=SMTP),
    }
    statement = insert(MailboxMessage).values(id=uuid7(), message_id=str(message["Message-ID"]), **content)
    await session.execute(
        statement.on_conflict_do_update(index_elements=[MailboxMessage.message_id], set_={**content, "at": func.now()})
    )


async def messages(session: Session, recipient: str = "", limit: int = SHOWN) -> list[MailboxEntry]:
    """Newest first; those whose recipient contains `recipient`, in any case."""
    found = await session.execute(
        select(MailboxMessage.id, MailboxMessage.recipient, MailboxMessage.subject, MailboxMessage.at)
        .where(MailboxMessage.recipient.icontains(recipient, autoescape=True))
        .order_by(MailboxMessage.at.desc(), MailboxMessage.id.desc())
        .limit(limit)
    )
    return [MailboxEntry(*row) for row in found]


async def delivered(session: Session, message_id: UUID) -> RawMessage:
    """Raises NotFound."""
    found = await session.get(MailboxMessage, message_id)
    if found is None:
        raise NotFound("No such message. The mailbox may have been emptied.")
    return RawMessage(MailboxEntry(found.id, found.recipient, found.subject, found.at), found.raw)


async def delete_all(session: WriteSession) -> None:
    await session.execute(delete(MailboxMessage))
