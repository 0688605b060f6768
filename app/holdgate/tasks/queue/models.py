"""Tables about queues, kinds and workers, and of what may be enqueued once, beside the tasks themselves."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Interval,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from holdgate.core.postgres.tables import Base

Moment = DateTime(timezone=True)


class Queue(Base):
    """What people have told a queue. One without a row has been told nothing."""

    __tablename__ = "queues"
    __table_args__ = (CheckConstraint("(paused_at IS NULL) = (paused_by IS NULL)", name="paused"),)

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    paused_at: Mapped[datetime | None] = mapped_column(Moment)
    paused_by: Mapped[str | None] = mapped_column(Text)


class QueueEvent(Base):
    """Who paused and resumed which queue: written by a trigger, whatever statement does it."""

    __tablename__ = "queue_events"
    __table_args__ = (Index("queue_events_at_idx", text("at DESC"), text("id DESC")),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    queue: Mapped[str] = mapped_column(Text)
    verb: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(Text)


class KindLimit(Base):
    """How many tasks of a kind may run at once, and how many may start within a time. Without a row there is no limit.

    `set_by` is NULL while it is as the kind's author declared it. `tokens` are the starts that the rate allowed at
    `tokens_at`. `settled_at` is NULL until the waiting tasks have been brought into line with `limited`.
    """

    __tablename__ = "kind_limits"
    __table_args__ = (
        CheckConstraint("concurrency >= 0", name="concurrency"),
        CheckConstraint("rate_count >= 1 AND rate_per > interval '0'", name="rate"),
        CheckConstraint("(rate_count IS NULL) = (rate_per IS NULL)", name="whole_rate"),
        CheckConstraint("limited = (concurrency IS NOT NULL OR rate_count IS NOT NULL)", name="limited"),
    )

    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    concurrency: Mapped[int | None] = mapped_column(Integer)
    rate_count: Mapped[int | None] = mapped_column(Integer)
    rate_per: Mapped[timedelta | None] = mapped_column(Interval)
    limited: Mapped[bool] = mapped_column()
    set_by: Mapped[str | None] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    settled_at: Mapped[datetime | None] = mapped_column(Moment)
    tokens: Mapped[float] = mapped_column(Double, server_default=text("0"))
    tokens_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())


class KindLimitEvent(Base):
    """Who set which limit: written by a trigger, whatever statement does it."""

    __tablename__ = "kind_limit_events"
    __table_args__ = (Index("kind_limit_events_at_idx", text("at DESC"), text("id DESC")),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    kind: Mapped[str] = mapped_column(Text)
    limits: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(Text)


class Orphan(Base):
    """Since when a queue and kind with ready tasks has been seen without a worker. Kept by the sweeper."""

    __tablename__ = "orphans"

    queue: Mapped[str] = mapped_column(Text, primary_key=True)
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    since: Mapped[datetime] = mapped_column(Moment)


class RetentionWalk(Base):
    """How far retention has looked at what is old, so that what it keeps is not looked at again each minute."""

    __tablename__ = "retention_walks"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    began_at: Mapped[datetime] = mapped_column(Moment)
    id: Mapped[UUID] = mapped_column()


class Worker(Base):
    """A worker process, for people to look at, and to notice at once that one is gone (runtime/workers.py)."""

    __tablename__ = "workers"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    host: Mapped[str] = mapped_column(Text)
    pid: Mapped[int] = mapped_column(Integer)
    queues: Mapped[dict[str, Any]] = mapped_column(JSONB)
    # NULL: a worker of a release that did not say.
    kinds: Mapped[list[str] | None] = mapped_column(JSONB)
    in_hand: Mapped[int] = mapped_column(Integer, server_default="0")
    started_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    seen_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    # When it last swept: one of the workers does, each second.
    swept_at: Mapped[datetime | None] = mapped_column(Moment)
    draining: Mapped[bool] = mapped_column(server_default=text("false"))
    version: Mapped[str | None] = mapped_column(Text)
    memory: Mapped[int | None] = mapped_column(BigInteger)  # bytes resident
    cpu: Mapped[float | None] = mapped_column(Double)  # of one core, since the heartbeat before
    # It keeps a session lock for as long as it is connected; false: its leases alone say that it lives.
    locks: Mapped[bool] = mapped_column(server_default=text("false"))
    # When that lock was first found free.
    missed_at: Mapped[datetime | None] = mapped_column(Moment)


# Written by the function enqueue_many alone. Nobody's tasks have an owner of zeros here. A task is inserted after its
# key, in the same transaction; one that is deleted takes its key along.
task_keys = Table(
    "task_keys",
    Base.metadata,
    Column("kind", Text, primary_key=True),
    Column("owner_id", Uuid, primary_key=True),
    Column("key", Text, primary_key=True),
    Column(
        "task_id",
        Uuid,
        ForeignKey("tasks.id", ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
        nullable=False,
    ),
    Column("expires_at", DateTime(timezone=True)),  # NULL: never
    Index("task_keys_task_idx", "task_id"),
)
