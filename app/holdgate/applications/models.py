"""Tables of applications, and of the résumés that went with them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, LargeBinary, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from holdgate.core.postgres.tables import Base

Moment = DateTime(timezone=True)


class Application(Base):
    """One application of one person. What it was for is copied: it outlives its posting and its task.

    `copy` is what was prepared, and once it is sent what was sent (copies.py). `host` is whom it goes to and `begun_at`
    when that began, for the limit of each day. `history` are the statuses before, with their times.
    """

    __tablename__ = "applications"
    __table_args__ = (
        CheckConstraint("channel IN ('direct', 'email', 'by_hand', 'elsewhere')", name="channel"),
        CheckConstraint(
            "status IN ('prepared', 'put_aside', 'sent', 'replied', 'interview', 'offer', 'rejected', 'no_answer')",
            name="status",
        ),
        CheckConstraint("(status IN ('prepared', 'put_aside')) = (sent_at IS NULL)", name="sent_at"),
        Index("applications_task_key", "task_id", unique=True, postgresql_where=text("task_id IS NOT NULL")),
        Index("applications_posting_idx", "posting_id", postgresql_where=text("posting_id IS NOT NULL")),
        Index("applications_owner_created_idx", "owner_id", text("created_at DESC"), text("id DESC")),
        Index("applications_owner_status_idx", "owner_id", "status"),
        Index("applications_host_idx", "owner_id", "host", "begun_at", postgresql_where=text("begun_at IS NOT NULL")),
        Index("applications_unanswered_idx", "status_at", postgresql_where=text("status = 'sent'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    posting_id: Mapped[UUID | None] = mapped_column(ForeignKey("postings.id", ondelete="SET NULL"))
    task_id: Mapped[UUID | None] = mapped_column(ForeignKey("tasks.id", ondelete="SET NULL"))
    title: Mapped[str] = mapped_column(Text)
    company: Mapped[str] = mapped_column(Text)
    location: Mapped[str] = mapped_column(Text, server_default="")
    url: Mapped[str] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    status_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    history: Mapped[list[Any]] = mapped_column(JSONB, server_default="[]")
    sent_at: Mapped[datetime | None] = mapped_column(Moment)
    receipt: Mapped[str] = mapped_column(Text, server_default="")
    reason: Mapped[str] = mapped_column(Text, server_default="")
    contact: Mapped[str] = mapped_column(Text, server_default="")
    notes: Mapped[str] = mapped_column(Text, server_default="")
    # The task that reminds of it. Not a foreign key: it may be gone.
    follow_up_at: Mapped[datetime | None] = mapped_column(Moment)
    follow_up_task_id: Mapped[UUID | None] = mapped_column()
    copy: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    host: Mapped[str] = mapped_column(Text, server_default="")
    begun_at: Mapped[datetime | None] = mapped_column(Moment)
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())


class ApplicationFile(Base):
    """A résumé that applications were made with, kept once for each person whatever their profile has since."""

    __tablename__ = "application_files"

    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    sha256: Mapped[str] = mapped_column(Text, primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
