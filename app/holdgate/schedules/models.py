"""Tables of schedules, their beats, and who did what to them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from holdgate.core.postgres.tables import Base

Moment = DateTime(timezone=True)


class Schedule(Base):
    """What is enqueued at which times. `next_at` is the beat that is awaited, or due; NULL when none will come."""

    __tablename__ = "schedules"
    __table_args__ = (
        CheckConstraint("length(name) BETWEEN 1 AND 200", name="name"),
        CheckConstraint("priority BETWEEN 0 AND 1000", name="priority"),
        CheckConstraint("missed IN ('catch_up', 'skip')", name="missed"),
        CheckConstraint("(paused_at IS NULL) = (paused_by IS NULL)", name="paused"),
        Index("schedules_due_idx", "next_at", postgresql_where=text("paused_at IS NULL")),
        Index("schedules_owner_created_idx", "owner_id", text("created_at DESC"), text("id DESC")),
        Index("schedules_created_idx", text("created_at DESC"), text("id DESC")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    # NULL: the kind's own.
    queue: Mapped[str | None] = mapped_column(Text)
    priority: Mapped[int] = mapped_column(SmallInteger)
    cron: Mapped[str] = mapped_column(Text)
    zone: Mapped[str] = mapped_column(Text)
    missed: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    paused_at: Mapped[datetime | None] = mapped_column(Moment)
    # An address, or OWNER_DISABLED.
    paused_by: Mapped[str | None] = mapped_column(Text)
    next_at: Mapped[datetime | None] = mapped_column(Moment)
    last_at: Mapped[datetime | None] = mapped_column(Moment)
    # No foreign key: tasks are pruned.
    last_task_id: Mapped[UUID | None] = mapped_column()
    # When a person last ran it by hand.
    asked_at: Mapped[datetime | None] = mapped_column(Moment)
    # Why the due beat could not be enqueued, and when that is tried again.
    problem: Mapped[str | None] = mapped_column(Text)
    retry_at: Mapped[datetime | None] = mapped_column(Moment)
    # The token of the program that made it, or changed it last. No foreign key: revoked tokens are deleted.
    token_id: Mapped[UUID | None] = mapped_column()


class ScheduleBeat(Base):
    """A beat that has been dealt with: the key lets none be enqueued twice. Without a task it was skipped."""

    __tablename__ = "schedule_beats"

    schedule_id: Mapped[UUID] = mapped_column(ForeignKey("schedules.id", ondelete="CASCADE"), primary_key=True)
    beat_at: Mapped[datetime] = mapped_column(Moment, primary_key=True)
    taken_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    task_id: Mapped[UUID | None] = mapped_column()


class ScheduleEvent(Base):
    """What people did to schedules: written by a trigger, whatever statement does it. Outlives the schedule."""

    __tablename__ = "schedule_events"
    __table_args__ = (
        Index("schedule_events_schedule_idx", "schedule_id", "id"),
        Index("schedule_events_at_idx", text("at DESC"), text("id DESC")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    schedule_id: Mapped[UUID] = mapped_column()
    name: Mapped[str] = mapped_column(Text)
    verb: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(Text)
    # The columns that an edit changed.
    changed: Mapped[str | None] = mapped_column(Text)
