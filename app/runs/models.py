"""The table of runs."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base


class Run(Base):
    __tablename__ = "runs"
    __table_args__ = (
        CheckConstraint("state IN ('active', 'paused', 'cancelled')", name="state"),
        CheckConstraint("length(name) BETWEEN 1 AND 200", name="name"),
        Index("runs_owner_created_idx", "owner_id", text("created_at DESC"), text("id DESC")),
        Index("runs_unsettled_idx", "changed_at", postgresql_where=text("settled_at IS NULL")),
        Index("runs_created_idx", text("created_at DESC"), text("id DESC")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default="active")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    # NULL: not all tasks may have followed the run's last change of state yet (the sweeper brings them along).
    settled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
