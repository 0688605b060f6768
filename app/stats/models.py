"""Tables the rollup folds the event log into."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, SmallInteger, Table, Text, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Xid8

# No primary key: a row is found by its unique index alone, in which NULL (no run) equals NULL.
task_counts = Table(
    "task_counts",
    Base.metadata,
    Column("owner_id", Uuid),
    Column("run_id", Uuid),
    Column("queue", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("n", BigInteger, nullable=False),
    Index("task_counts_run_idx", "run_id"),
    Index(
        "task_counts_key",
        "owner_id",
        "run_id",
        "queue",
        "kind",
        "state",
        unique=True,
        postgresql_nulls_not_distinct=True,
    ),
)

# The same over all runs: what the tabs and the overview show, however many runs there have been. Kept by triggers.
task_totals = Table(
    "task_totals",
    Base.metadata,
    Column("owner_id", Uuid),
    Column("queue", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("n", BigInteger, nullable=False),
    Index("task_totals_key", "owner_id", "queue", "kind", "state", unique=True, postgresql_nulls_not_distinct=True),
)


class Rollup(Base):
    """The watermark: every event of a transaction below `upto` is folded. One row."""

    __tablename__ = "rollup"
    __table_args__ = (CheckConstraint("id = 1", name="one"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, server_default=text("1"))
    upto: Mapped[str] = mapped_column(Xid8)


class LogFollower(Base):
    """Who else reads the event log, and up to where: every event of a transaction below `upto` is done with."""

    __tablename__ = "log_followers"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    upto: Mapped[str] = mapped_column(Xid8)
