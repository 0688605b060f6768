"""The log of what has no log of its own: people and their roles, tokens, webhook endpoints."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Identity, Index, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from holdgate.core.postgres.tables import Base


class AuditEvent(Base):
    """One change, written by triggers, whatever statement makes it. `subject` is a name to read, never a secret."""

    __tablename__ = "audit_events"
    __table_args__ = (Index("audit_events_at_idx", text("at DESC"), text("id DESC")),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    actor: Mapped[str] = mapped_column(Text)
    # user | token | webhook
    area: Mapped[str] = mapped_column(Text)
    verb: Mapped[str] = mapped_column(Text)
    subject: Mapped[str | None] = mapped_column(Text)
    subject_id: Mapped[UUID | None] = mapped_column()
    data: Mapped[Any | None] = mapped_column(JSONB)
