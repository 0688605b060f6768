"""The table of what may be enqueued once."""

from sqlalchemy import Column, DateTime, ForeignKey, Index, Table, Text, Uuid

from holdgate.core.db import Base

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
