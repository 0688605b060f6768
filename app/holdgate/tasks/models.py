"""Tables of the queue. Constraints live in the database; migrations/ creates them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from holdgate.core.postgres.tables import READABLE, Base, stored_with
from holdgate.tasks.reason_links import spoken
from holdgate.tasks.states import FINISHED, RESOLVED, TaskState

Moment = DateTime(timezone=True)

# Who shares a queue fairly with others: runs, and people with their single tasks.
SHARE = "COALESCE(run_id, owner_id, '00000000-0000-0000-0000-000000000000'::uuid)"


def _listed(states: tuple[TaskState, ...]) -> str:
    return ", ".join(f"'{state}'" for state in states)


class Task(Base):
    """One unit of work. `subject` is what it is about, unique within its run (a posting, say)."""

    __tablename__ = "tasks"
    __table_args__ = (
        # PostgreSQL reads each of these anew for every statement, however few rows it has. That a state is one of
        # TaskState needs none: the log's triggers refuse what no verb leads to.
        CheckConstraint("priority BETWEEN 0 AND 1000", name="priority"),
        CheckConstraint("least(attempt, failures, lease_losses, round) >= 0", name="counters"),
        CheckConstraint("max_attempts >= 1", name="max_attempts"),
        CheckConstraint("(state = 'running') = (lease_expires_at IS NOT NULL)", name="lease"),
        CheckConstraint(f"(state IN ({_listed(FINISHED)})) = (finished_at IS NOT NULL)", name="finished"),
        CheckConstraint("state NOT IN ('scheduled', 'retrying') OR run_at IS NOT NULL", name="due"),
        CheckConstraint("resolved_at IS NULL OR state = 'dead_letter'", name="resolved"),
        CheckConstraint(f"run_at {READABLE}", name="run_at"),
        CheckConstraint(f"deadline_at {READABLE}", name="deadline_at"),
        Index("tasks_run_subject_key", "run_id", "subject", unique=True, postgresql_where=text("run_id IS NOT NULL")),
        # The claim's ORDER BY, exactly. Tasks of limited kinds stand in an index of their own: while their kind is
        # full, nobody walks over them.
        Index(
            "tasks_ready_idx",
            "queue",
            text("priority DESC"),
            "position",
            postgresql_where=text("state || '' = 'queued' AND NOT limited"),
        ),
        Index(
            "tasks_limited_idx",
            "kind",
            "queue",
            text("priority DESC"),
            "position",
            postgresql_where=text("state || '' = 'queued' AND limited"),
        ),
        Index("tasks_limited_running_idx", "kind", postgresql_where=text("state = 'running' AND limited")),
        # Where the last task of one share stands: its next one comes behind it (holdgate_place). Negative, so that the
        # planner cannot take tasks_ready_idx backwards and walk over everybody else's.
        Index(
            "tasks_share_idx",
            text(SHARE),
            "queue",
            "priority",
            text('("position" + 0)'),
            postgresql_where=text("state = 'queued' AND NOT limited"),
        ),
        Index(
            "tasks_limited_share_idx",
            "kind",
            text(SHARE),
            "queue",
            "priority",
            text('("position" + 0)'),
            postgresql_where=text("state = 'queued' AND limited"),
        ),
        # The few whose worker was lost: they are claimed apart (runtime/attempts/suspects.py).
        Index(
            "tasks_suspects_idx",
            "queue",
            text("priority DESC"),
            "position",
            postgresql_where=text("state = 'queued' AND lease_losses > 0"),
        ),
        # Not on lease_expires_at: so a heartbeat stays a heap-only update.
        Index("tasks_running_idx", "id", postgresql_where=text("state = 'running'")),
        Index("tasks_due_idx", "run_at", postgresql_where=text("state IN ('scheduled', 'retrying')")),
        Index(
            "tasks_deadline_idx",
            "deadline_at",
            postgresql_where=text("deadline_at IS NOT NULL AND finished_at IS NULL"),
        ),
        Index("tasks_waiting_idx", "queue", "queued_at", postgresql_where=text("state = 'queued'")),
        # Lists have the newest first, by their ids, and walk it backwards. What runs is little. What has succeeded is
        # nearly all there is, and the list of all tasks leads to it: that walks the primary key.
        Index("tasks_state_idx", "state", "id", postgresql_where=text("state NOT IN ('running', 'succeeded')")),
        Index("tasks_run_state_idx", "run_id", "state", postgresql_where=text("run_id IS NOT NULL")),
        Index("tasks_subject_idx", "subject", postgresql_where=text("subject IS NOT NULL")),
        Index("tasks_owner_idx", "owner_id", "id", postgresql_where=text("owner_id IS NOT NULL")),
        # For the lists of an error that is open. A retry that succeeds takes its task out, and so does resolving it.
        Index(
            "tasks_open_errors_idx",
            "fingerprint",
            text("id DESC"),
            postgresql_include=["state", "owner_id", "finished_at"],
            postgresql_where=text("fingerprint IS NOT NULL AND resolved_at IS NULL"),
        ),
        # All tasks with an error, for the lists of one.
        Index(
            "tasks_fingerprint_idx",
            "fingerprint",
            text("id DESC"),
            postgresql_include=["state", "owner_id", "finished_at", "resolved_at"],
            postgresql_where=text("fingerprint IS NOT NULL"),
        ),
        Index(
            "tasks_died_idx",
            "fingerprint",
            "finished_at",
            "id",
            postgresql_where=text("state = 'dead_letter' AND fingerprint IS NOT NULL AND resolved_at IS NULL"),
        ),
        Index(
            "tasks_died_of_owner_idx",
            "owner_id",
            "fingerprint",
            "finished_at",
            "id",
            postgresql_where=text("state = 'dead_letter' AND fingerprint IS NOT NULL AND resolved_at IS NULL"),
        ),
        Index(
            "tasks_nameless_idx",
            "id",
            postgresql_where=text("state = 'dead_letter' AND fingerprint IS NULL"),
        ),
        stored_with(fillfactor="80"),
    )

    # Columns as PostgreSQL reads them fastest: what is never NULL and has one width, then text, then what can be NULL.
    # By its id a task has its place in the order of creation (docs/decisions/0348).
    id: Mapped[UUID] = mapped_column(primary_key=True)
    # Where it stands in its queue and priority, in microseconds of the queue's own time (docs/decisions, fair share).
    position: Mapped[int] = mapped_column(
        BigInteger, server_default=text("(extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
    )
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    queued_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    # Owner, run, queue and kind under one number (tasks/queue/log.py); a trigger sets it where an insert does not.
    lane: Mapped[int] = mapped_column(Integer)
    attempt: Mapped[int] = mapped_column(Integer, server_default="0")
    priority: Mapped[int] = mapped_column(SmallInteger, server_default="50")
    failures: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    max_attempts: Mapped[int] = mapped_column(SmallInteger, server_default="3")
    lease_losses: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    round: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    # Its kind had a limit when it was last put into its queue (tasks/queue/limits.py).
    limited: Mapped[bool] = mapped_column(server_default=text("false"))
    state: Mapped[str] = mapped_column(Text, server_default="queued")
    queue: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text, server_default="")
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    run_id: Mapped[UUID | None] = mapped_column(ForeignKey("runs.id"))
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    worker_id: Mapped[UUID | None] = mapped_column()
    claimed_at: Mapped[datetime | None] = mapped_column(Moment)
    started_at: Mapped[datetime | None] = mapped_column(Moment)
    lease_expires_at: Mapped[datetime | None] = mapped_column(Moment)
    finished_at: Mapped[datetime | None] = mapped_column(Moment)
    run_at: Mapped[datetime | None] = mapped_column(Moment)
    deadline_at: Mapped[datetime | None] = mapped_column(Moment)
    subject: Mapped[str | None] = mapped_column(Text)
    # The trace in which it was asked for (W3C): of whatever transaction inserts it (core/db.py).
    traceparent: Mapped[str | None] = mapped_column(
        Text, server_default=text("NULLIF(current_setting('holdgate.traceparent', true), '')")
    )
    reason: Mapped[str | None] = mapped_column(Text)
    result: Mapped[Any | None] = mapped_column(JSONB)
    progress: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    # Which error the last try failed with (tasks/failures/fingerprints.py); none once it is retried or succeeds.
    fingerprint: Mapped[str | None] = mapped_column(Text)
    # A dead letter that somebody has dealt with otherwise.
    resolved_at: Mapped[datetime | None] = mapped_column(Moment)
    resolved_by: Mapped[str | None] = mapped_column(Text)
    resolution: Mapped[str | None] = mapped_column(Text)

    @property
    def because(self) -> str:
        """Its reason, for people."""
        return spoken(self.reason or "")

    @property
    def standing(self) -> str:
        """What lists show: the state, or that it is resolved."""
        return RESOLVED if self.resolved_at else self.state


# How many tasks have an error that nobody has dealt with: `dead` letters, and others that are tried again after it.
# Rows of one error add up; triggers write one for each statement that changes it, the sweeper puts them together.
error_counts = Table(
    "error_counts",
    Base.metadata,
    Column("owner_id", Uuid),
    Column("fingerprint", Text, nullable=False),
    Column("dead", Boolean, nullable=False),
    Column("n", BigInteger, nullable=False),
    Index("error_counts_owner_idx", "owner_id"),
)


class TaskStep(Base):
    """The stored result of a finished step: what a handler passes over when it runs again."""

    __tablename__ = "task_steps"

    task_id: Mapped[UUID] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    attempt: Mapped[int] = mapped_column(Integer)
    # Not JSONB, which orders keys anew: every attempt must read what the first one saw.
    result: Mapped[Any] = mapped_column(JSON(none_as_null=False))
    finished_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())


class AttemptLines(Base):
    """The last lines that an attempt logged (runtime/attempts/journal.py), of `total`: [time, level, text]."""

    __tablename__ = "attempt_lines"

    task_id: Mapped[UUID] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True)
    attempt: Mapped[int] = mapped_column(Integer, primary_key=True)
    total: Mapped[int] = mapped_column(BigInteger)
    lines: Mapped[list[list[str]]] = mapped_column(JSONB)


class Artifact(Base):
    """A file that a task made. The row is written once the file lies in the store under `key`, never before."""

    __tablename__ = "artifacts"
    __table_args__ = (
        CheckConstraint("size >= 0", name="size"),
        UniqueConstraint("task_id", "name", name="artifacts_task_name_key"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    task_id: Mapped[UUID] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Text)
    content_type: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    attempt: Mapped[int] = mapped_column(Integer)
