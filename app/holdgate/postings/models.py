"""Tables of job postings and of imports that wait for their confirmation."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Computed, Date, DateTime, ForeignKey, Index, Text, UniqueConstraint, false, func, text
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, column_property, mapped_column

from holdgate.core.postgres.tables import Base

Moment = DateTime(timezone=True)


class Posting(Base):
    """A job posting of one person. `channel` is how an application is sent (channels.py), `questions` what its form
    asks, `applied_at` that it has been applied to, and `valid_through` the last day on which it takes applications,
    where it tells one; then it is `closed`."""

    __tablename__ = "postings"
    __table_args__ = (
        # For ON DELETE SET NULL when tasks are pruned.
        Index("postings_applied_task_idx", "applied_task_id", postgresql_where=text("applied_task_id IS NOT NULL")),
        UniqueConstraint("owner_id", "canonical_url", name="postings_owner_canonical_url_key"),
        Index("postings_owner_created_idx", "owner_id", text("created_at DESC"), text("id DESC")),
        Index("postings_words_idx", "words", postgresql_using="gin"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    title: Mapped[str] = mapped_column(Text)
    company: Mapped[str] = mapped_column(Text)
    location: Mapped[str] = mapped_column(Text, server_default="")
    url: Mapped[str] = mapped_column(Text)
    canonical_url: Mapped[str] = mapped_column(Text)
    apply_url: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, server_default="")
    external_id: Mapped[str] = mapped_column(Text, server_default="")
    source: Mapped[str] = mapped_column(Text)
    questions: Mapped[list[Any]] = mapped_column(JSONB, server_default="[]")
    extra: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    channel: Mapped[str] = mapped_column(Text, server_default="direct")
    valid_through: Mapped[date | None] = mapped_column(Date)
    closed: Mapped[bool] = column_property(func.coalesce(valid_through < func.current_date(), false()))
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    applied_at: Mapped[datetime | None] = mapped_column(Moment)
    applied_task_id: Mapped[UUID | None] = mapped_column(ForeignKey("tasks.id", ondelete="SET NULL"))
    # The task that sends an application, or was the last to (no two at once). Not a foreign key: it may be gone.
    sending_task_id: Mapped[UUID | None] = mapped_column()
    words: Mapped[Any] = mapped_column(
        TSVECTOR,
        Computed(
            "to_tsvector('simple', translate(title || ' ' || company || ' ' || location, '/', ' '))", persisted=True
        ),
        deferred=True,
    )


class PostingImport(Base):
    """A parsed file between its preview and its confirmation."""

    __tablename__ = "posting_imports"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Text)
    format: Mapped[str] = mapped_column(Text)
    rows: Mapped[list[Any]] = mapped_column(JSONB)
    errors: Mapped[list[Any]] = mapped_column(JSONB)
    warnings: Mapped[list[Any]] = mapped_column(JSONB, server_default="[]")
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)
