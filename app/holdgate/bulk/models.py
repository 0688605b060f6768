"""Tables of bulk actions: what was asked, which tasks matched at that moment, and who did what to the action."""

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
    Integer,
    SmallInteger,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from holdgate.bulk.states import BulkState, BulkVerb
from holdgate.core.postgres.tables import Base

Moment = DateTime(timezone=True)


def _listed(values: type[BulkVerb] | type[BulkState]) -> str:
    return ", ".join(f"'{value}'" for value in values)


class BulkAction(Base):
    """One verb for all tasks that matched `filter` when it was confirmed. `scope`: whose tasks; NULL is everybody's."""

    __tablename__ = "bulk_actions"
    __table_args__ = (
        CheckConstraint(f"verb IN ({_listed(BulkVerb)})", name="verb"),
        CheckConstraint(f"state IN ({_listed(BulkState)})", name="state"),
        CheckConstraint("(verb = 'prioritise') = (priority IS NOT NULL)", name="priority"),
        CheckConstraint("NOT canary OR verb = 'retry'", name="canary"),
        CheckConstraint("done >= 0 AND skipped >= 0 AND done + skipped <= total", name="progress"),
        CheckConstraint("(state IN ('stopped', 'finished')) = (finished_at IS NOT NULL)", name="finished"),
        Index("bulk_actions_owner_idx", "owner_id", text("created_at DESC"), text("id DESC")),
        Index("bulk_actions_created_idx", text("created_at DESC"), text("id DESC")),
        Index("bulk_actions_due_idx", "due_at", postgresql_where=text("state IN ('running', 'waiting')")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    actor: Mapped[str] = mapped_column(Text)
    scope: Mapped[UUID | None] = mapped_column()
    verb: Mapped[str] = mapped_column(Text)
    filter: Mapped[dict[str, Any]] = mapped_column(JSONB)
    priority: Mapped[int | None] = mapped_column(SmallInteger)
    note: Mapped[str] = mapped_column(Text, server_default="")
    canary: Mapped[bool] = mapped_column(server_default=text("false"))
    state: Mapped[str] = mapped_column(Text, server_default="running")
    # Why it waits or has stopped.
    reason: Mapped[str | None] = mapped_column(Text)
    total: Mapped[int] = mapped_column(Integer)
    done: Mapped[int] = mapped_column(Integer, server_default="0")
    skipped: Mapped[int] = mapped_column(Integer, server_default="0")
    # Of a redrive: how many steps have gone out, and how many of its tasks failed again.
    step: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    failed: Mapped[int] = mapped_column(Integer, server_default="0")
    # The last of its tasks that was worked on: their order is that of their ids.
    cursor: Mapped[UUID | None] = mapped_column()
    due_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    finished_at: Mapped[datetime | None] = mapped_column(Moment)


class BulkTask(Base):
    """A task that matched when the action was confirmed; no other is ever touched. It may be pruned before its turn."""

    __tablename__ = "bulk_tasks"
    __table_args__ = (
        CheckConstraint("outcome IN ('done', 'skipped')", name="outcome"),
        CheckConstraint("watch IN ('step', 'passed')", name="watch"),
        Index("bulk_tasks_watch_idx", "action_id", "task_id", postgresql_where=text("watch IS NOT NULL")),
    )

    action_id: Mapped[UUID] = mapped_column(ForeignKey("bulk_actions.id", ondelete="CASCADE"), primary_key=True)
    task_id: Mapped[UUID] = mapped_column(primary_key=True)
    # NULL: its turn has not come.
    outcome: Mapped[str | None] = mapped_column(Text)
    # Of a redrive: what it had failed with, and whether its end is waited for (`step`) or only its failing (`passed`).
    fingerprint: Mapped[str | None] = mapped_column(Text)
    watch: Mapped[str | None] = mapped_column(Text)
    # What it had when it was noted, to go back to.
    priority: Mapped[int | None] = mapped_column(SmallInteger)


class BulkEvent(Base):
    """Who started, stopped and continued it: written by a trigger, whatever statement does it."""

    __tablename__ = "bulk_events"
    __table_args__ = (
        Index("bulk_events_action_idx", "action_id", "id"),
        Index("bulk_events_at_idx", text("at DESC"), text("id DESC")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    action_id: Mapped[UUID] = mapped_column(ForeignKey("bulk_actions.id", ondelete="CASCADE"))
    from_state: Mapped[str | None] = mapped_column(Text)
    to_state: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
