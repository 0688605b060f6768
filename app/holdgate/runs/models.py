"""Tables of runs, of what happened to them, and of where the time of their tasks went."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Identity, Index, Numeric, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from holdgate.core.postgres.tables import Base, Xid8


class Run(Base):
    __tablename__ = "runs"
    __table_args__ = (
        CheckConstraint("state IN ('active', 'paused', 'cancelled')", name="state"),
        CheckConstraint("length(name) BETWEEN 1 AND 200", name="name"),
        Index("runs_owner_created_idx", "owner_id", text("created_at DESC"), text("id DESC")),
        Index("runs_unsettled_idx", "changed_at", postgresql_where=text("settled_at IS NULL")),
        Index("runs_deleted_idx", "deleted_at", postgresql_where=text("deleted_at IS NOT NULL AND emptied_at IS NULL")),
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
    # When its last task ended; NULL while there is something left to do. Kept by runs/event_consumer.py.
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # When its owner was last mailed that it has finished, and how many tasks were added or retried since.
    notified_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    opened: Mapped[int] = mapped_column(BigInteger, server_default="0")
    # When somebody deleted it, and when all of its tasks were gone that are not kept (runs/retention.py).
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    emptied_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class RunEvent(Base):
    """Started, paused, resumed, cancelled, finished, reopened: written by a trigger, whatever statement does it."""

    __tablename__ = "run_events"
    __table_args__ = (
        Index("run_events_run_id_idx", "run_id", "id"),
        Index("run_events_xid_idx", "xid"),
        Index("run_events_at_idx", text("at DESC"), text("id DESC")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    xid: Mapped[str] = mapped_column(Xid8, server_default=func.pg_current_xact_id())
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    verb: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(Text)


class RunTime(Base):
    """The folded time of a run's tasks in one stage of their way (runs/states.py, STAGES).

    `n` tasks are in it; `seconds` sums the times of leaving less those of entering, as seconds of the epoch. So the
    time spent up to a moment is `seconds + n * moment`, for those that have left and those still in it alike.
    """

    __tablename__ = "run_times"
    __table_args__ = (CheckConstraint("stage IN ('queue', 'work', 'people', 'later')", name="stage"),)

    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    stage: Mapped[str] = mapped_column(Text, primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[Decimal] = mapped_column(Numeric)


class RunMinute(Base):
    """How many tasks of a run left a worker in a minute, to their end or to wait for people. Only of the last ones."""

    __tablename__ = "run_minutes"
    __table_args__ = (Index("run_minutes_minute_idx", "minute"),)

    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    minute: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger)
