"""The development mailbox."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Index, LargeBinary, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from holdgate.core.postgres.tables import Base


class MailboxMessage(Base):
    """A message delivered to the built-in mailbox, as it would have gone over SMTP."""

    __tablename__ = "mailbox_messages"
    __table_args__ = (Index("mailbox_messages_at_idx", text("at DESC")),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[str] = mapped_column(Text, unique=True)
    recipient: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    raw: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
