"""Tables of alarms, and of the errors that a person has muted."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, Integer, Interval, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from holdgate.core.postgres.tables import Base

Moment = DateTime(timezone=True)


class Alarm(Base):
    """What its owner is told of. `kind` and `queue` narrow it, NULL is any; `everyone`: an administrator's, about all.

    `detail` says what made it fire the last time. `next_at` is when its condition is looked at again.
    """

    __tablename__ = "alarms"
    __table_args__ = (
        CheckConstraint("condition IN ('failures', 'queue_wait', 'schedule_missed')", name="condition"),
        CheckConstraint("state IN ('ok', 'firing')", name="state"),
        CheckConstraint("(condition = 'failures') = (count IS NOT NULL)", name="count"),
        CheckConstraint("(condition = 'schedule_missed') = (span IS NULL)", name="span"),
        Index("alarms_owner_id_idx", "owner_id"),
        Index("alarms_next_at_idx", "next_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    condition: Mapped[str] = mapped_column(Text)
    kind: Mapped[str | None] = mapped_column(Text)
    queue: Mapped[str | None] = mapped_column(Text)
    count: Mapped[int | None] = mapped_column(Integer)
    span: Mapped[timedelta | None] = mapped_column(Interval)
    everyone: Mapped[bool] = mapped_column(server_default=text("false"))
    state: Mapped[str] = mapped_column(Text, server_default="ok")
    detail: Mapped[str] = mapped_column(Text, server_default="")
    fired_at: Mapped[datetime | None] = mapped_column(Moment)
    recovered_at: Mapped[datetime | None] = mapped_column(Moment)
    checked_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    next_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())

    @property
    def minutes(self) -> int | None:
        return None if self.span is None else int(self.span.total_seconds() // 60)


class ErrorMute(Base):
    """An error that no alarm of this person counts. `digest`: the same in every kind."""

    __tablename__ = "error_mutes"

    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    digest: Mapped[str] = mapped_column(Text, primary_key=True)
    muted_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
