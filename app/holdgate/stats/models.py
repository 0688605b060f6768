"""Tables the rollup folds the event log into."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Index,
    Numeric,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from holdgate.core.postgres.tables import Base, Xid8

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

# What happened in each span of time (stats/rollups.py), which is `span` minutes long and begins at `minute`.
# `owner_id` NULL: everybody's together, as administrators look at it. `n` tasks went to the state `outcome`; what they
# left by that had lasted `wait`, `work` and `people` seconds together.
task_minutes = Table(
    "task_minutes",
    Base.metadata,
    Column("owner_id", Uuid),
    Column("span", SmallInteger, nullable=False),
    Column("minute", DateTime(timezone=True), nullable=False),
    Column("queue", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("n", BigInteger, nullable=False),
    Column("wait", Numeric, nullable=False),
    Column("work", Numeric, nullable=False),
    Column("people", Numeric, nullable=False),
    Index(
        "task_minutes_key",
        "owner_id",
        "span",
        "minute",
        "queue",
        "kind",
        "outcome",
        unique=True,
        postgresql_nulls_not_distinct=True,
    ),
    Index("task_minutes_age_idx", "span", "minute"),
)

# How long the stays were that ended in a span of time: the buckets (stats/histograms.py) that
# have any, and how many. Two arrays, not rows: fifteen times fewer to read for a chart.
task_stays = Table(
    "task_stays",
    Base.metadata,
    Column("owner_id", Uuid),
    Column("span", SmallInteger, nullable=False),
    Column("minute", DateTime(timezone=True), nullable=False),
    Column("kind", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("buckets", ARRAY(SmallInteger), nullable=False),
    Column("counts", ARRAY(BigInteger), nullable=False),
    CheckConstraint("stage IN ('queue', 'work', 'people')", name="stage"),
    Index(
        "task_stays_key",
        "owner_id",
        "span",
        "minute",
        "kind",
        "stage",
        unique=True,
        postgresql_nulls_not_distinct=True,
    ),
    Index("task_stays_age_idx", "span", "minute"),
)

# How many tries failed with an error in each span of time (stats/failures.py), as in `task_minutes`.
error_minutes = Table(
    "error_minutes",
    Base.metadata,
    Column("owner_id", Uuid),
    Column("span", SmallInteger, nullable=False),
    Column("minute", DateTime(timezone=True), nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("n", BigInteger, nullable=False),
    Index(
        "error_minutes_key",
        "owner_id",
        "span",
        "minute",
        "fingerprint",
        unique=True,
        postgresql_nulls_not_distinct=True,
    ),
    Index("error_minutes_age_idx", "span", "minute"),
)

# What an error said the last time, to its owner and to everybody: no task may have it any more, and what the same error
# said of another one's task is not for everyone.
error_names = Table(
    "error_names",
    Base.metadata,
    Column("owner_id", Uuid),
    Column("fingerprint", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("error_type", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("last_at", DateTime(timezone=True), nullable=False),
    Index("error_names_key", "owner_id", "fingerprint", unique=True, postgresql_nulls_not_distinct=True),
    Index("error_names_age_idx", "last_at"),
)

# How full each queue was in a span of time (stats/depths.py), as in `task_minutes`: the most tasks that were ready at
# once, and the longest that the oldest of them had waited by then, in seconds.
queue_depths = Table(
    "queue_depths",
    Base.metadata,
    Column("span", SmallInteger, primary_key=True),
    Column("minute", DateTime(timezone=True), primary_key=True),
    Column("queue", Text, primary_key=True),
    Column("depth", BigInteger, nullable=False),
    Column("oldest", Double, nullable=False),
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
