"""Tables of the queue. Constraints live in the database; migrations/ creates them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Interval,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from holdgate.core.db import READABLE, Base, Xid8, stored_with
from holdgate.tasks.reason_links import spoken
from holdgate.tasks.states import FINISHED, RESOLVED, TaskState

Moment = DateTime(timezone=True)

# Who shares a queue fairly with others: runs, and people with their single tasks.
SHARE = "COALESCE(run_id, owner_id, '00000000-0000-0000-0000-000000000000'::uuid)"

# The actors of the log that are neither a worker nor the sweeper.
PEOPLE = "actor NOT LIKE 'worker:%' AND actor <> 'system'"


def _listed(states: tuple[TaskState, ...]) -> str:
    return ", ".join(f"'{state}'" for state in states)


class Task(Base):
    """One unit of work. `subject` is what it is about, unique within its run (a posting, say)."""

    __tablename__ = "tasks"
    __table_args__ = (
        CheckConstraint(f"state IN ({_listed(tuple(TaskState))})", name="state"),
        CheckConstraint("priority BETWEEN 0 AND 1000", name="priority"),
        CheckConstraint("attempt >= 0", name="attempt"),
        CheckConstraint("failures >= 0", name="failures"),
        CheckConstraint("lease_losses >= 0", name="lease_losses"),
        CheckConstraint("round >= 0", name="round"),
        CheckConstraint("max_attempts >= 1", name="max_attempts"),
        CheckConstraint("(state = 'running') = (lease_expires_at IS NOT NULL)", name="lease"),
        CheckConstraint(f"(state IN ({_listed(FINISHED)})) = (finished_at IS NOT NULL)", name="finished"),
        CheckConstraint("state NOT IN ('scheduled', 'retrying') OR run_at IS NOT NULL", name="due"),
        CheckConstraint("resolved_at IS NULL OR state = 'dead_letter'", name="resolved"),
        CheckConstraint(f"run_at {READABLE}", name="run_at"),
        CheckConstraint(f"deadline_at {READABLE}", name="deadline_at"),
        UniqueConstraint("run_id", "subject", name="tasks_run_subject_key"),
        # The claim's ORDER BY, exactly. Tasks of limited kinds stand in an index of their own: while their kind is
        # full, nobody walks over them.
        Index(
            "tasks_ready_idx",
            "queue",
            text("priority DESC"),
            "position",
            postgresql_where=text("state = 'queued' AND NOT limited"),
        ),
        Index(
            "tasks_limited_idx",
            "kind",
            "queue",
            text("priority DESC"),
            "position",
            postgresql_where=text("state = 'queued' AND limited"),
        ),
        Index("tasks_limited_running_idx", "kind", postgresql_where=text("state = 'running' AND limited")),
        # Where the last task of one share stands: its next one comes behind it (holdgate_place). Negative, so that the
        # planner cannot take tasks_ready_idx backwards and walk over everybody else's.
        Index(
            "tasks_share_idx",
            text(SHARE),
            "queue",
            "priority",
            text('(- "position")'),
            postgresql_where=text("state = 'queued' AND NOT limited"),
        ),
        Index(
            "tasks_limited_share_idx",
            "kind",
            text(SHARE),
            "queue",
            "priority",
            text('(- "position")'),
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
        Index("tasks_created_idx", text("created_at DESC"), text("id DESC")),
        Index("tasks_waiting_idx", "queue", "queued_at", postgresql_where=text("state = 'queued'")),
        Index("tasks_state_created_idx", "state", text("created_at DESC"), text("id DESC")),
        Index("tasks_run_state_idx", "run_id", "state", postgresql_where=text("run_id IS NOT NULL")),
        Index("tasks_subject_idx", "subject", postgresql_where=text("subject IS NOT NULL")),
        Index("tasks_owner_created_idx", "owner_id", text("created_at DESC"), text("id DESC")),
        # For the lists of an error that is open. A retry that succeeds takes its task out, and so does resolving it.
        Index(
            "tasks_open_errors_idx",
            "fingerprint",
            text("created_at DESC"),
            text("id DESC"),
            postgresql_include=["state", "owner_id", "finished_at"],
            postgresql_where=text("fingerprint IS NOT NULL AND resolved_at IS NULL"),
        ),
        # All tasks with an error, for the lists of one.
        Index(
            "tasks_fingerprint_idx",
            "fingerprint",
            text("created_at DESC"),
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

    id: Mapped[UUID] = mapped_column(primary_key=True)
    run_id: Mapped[UUID | None] = mapped_column(ForeignKey("runs.id"))
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    subject: Mapped[str | None] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text, server_default="")
    queue: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    state: Mapped[str] = mapped_column(Text, server_default="queued")
    reason: Mapped[str | None] = mapped_column(Text)
    priority: Mapped[int] = mapped_column(SmallInteger, server_default="50")
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    queued_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    # Where it stands in its queue and priority, in microseconds of the queue's own time (docs/decisions, fair share).
    position: Mapped[int] = mapped_column(
        BigInteger, server_default=text("(extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
    )
    # Its kind had a limit when it was last put into its queue (tasks/queue/limits.py).
    limited: Mapped[bool] = mapped_column(server_default=text("false"))
    run_at: Mapped[datetime | None] = mapped_column(Moment)
    deadline_at: Mapped[datetime | None] = mapped_column(Moment)
    started_at: Mapped[datetime | None] = mapped_column(Moment)
    claimed_at: Mapped[datetime | None] = mapped_column(Moment)
    finished_at: Mapped[datetime | None] = mapped_column(Moment)
    attempt: Mapped[int] = mapped_column(Integer, server_default="0")
    failures: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    max_attempts: Mapped[int] = mapped_column(SmallInteger, server_default="3")
    lease_losses: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    round: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    # The trace in which it was asked for (W3C): of whatever transaction inserts it (core/db.py).
    traceparent: Mapped[str | None] = mapped_column(
        Text, server_default=text("NULLIF(current_setting('holdgate.traceparent', true), '')")
    )
    worker_id: Mapped[UUID | None] = mapped_column()
    lease_expires_at: Mapped[datetime | None] = mapped_column(Moment)
    progress: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    result: Mapped[Any | None] = mapped_column(JSONB)
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


class TaskWords(Base):
    """What a task is searched by: the words of its title, its kind behind a `#`, its queue behind an `@`, and the
    values of its payload, each behind a `=`.

    Written by triggers when a task is enqueued. Apart from the task, whose every change of state would write the
    index again.
    """

    __tablename__ = "task_words"
    __table_args__ = (Index("task_words_idx", "words", postgresql_using="gin"),)

    task_id: Mapped[UUID] = mapped_column(primary_key=True)
    words: Mapped[Any] = mapped_column(TSVECTOR)
    created_at: Mapped[datetime] = mapped_column(Moment)  # the task's


class TaskStep(Base):
    """The stored result of a finished step: what a handler passes over when it runs again."""

    __tablename__ = "task_steps"

    task_id: Mapped[UUID] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    attempt: Mapped[int] = mapped_column(Integer)
    # Not JSONB, which orders keys anew: every attempt must read what the first one saw.
    result: Mapped[Any] = mapped_column(JSON(none_as_null=False))
    finished_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())


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


class TaskTransition(Base):
    """The legal moves, filled by the migrations from tasks/states.py and read by the trigger."""

    __tablename__ = "task_transitions"

    from_state: Mapped[str] = mapped_column(Text, primary_key=True)
    to_state: Mapped[str] = mapped_column(Text, primary_key=True)
    verb: Mapped[str] = mapped_column(Text, primary_key=True)
    # Of the verbs that share an edge, the one the log names unless the statement says otherwise.
    usual: Mapped[bool] = mapped_column()

    __table_args__ = (
        Index("task_transitions_usual_key", "from_state", "to_state", unique=True, postgresql_where=text("usual")),
    )


class TaskEvent(Base):
    """The one log: a row per change of state, written by the trigger in the same statement."""

    __tablename__ = "task_events"
    __table_args__ = (
        Index("task_events_task_id_idx", "task_id", "id"),
        Index("task_events_xid_idx", "xid"),
        Index("task_events_deleted_idx", "at", postgresql_where=text("to_state IS NULL")),
        # What people did, for the audit: hardly a cost to workers, whose events are not in it.
        Index("task_events_people_idx", text("at DESC"), text("id DESC"), postgresql_where=text(PEOPLE)),
        Index("task_events_actor_idx", "actor", text("at DESC"), text("id DESC"), postgresql_where=text(PEOPLE)),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    xid: Mapped[str] = mapped_column(Xid8, server_default=func.pg_current_xact_id())
    at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())
    task_id: Mapped[UUID] = mapped_column()
    run_id: Mapped[UUID | None] = mapped_column()
    owner_id: Mapped[UUID | None] = mapped_column()
    queue: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    verb: Mapped[str] = mapped_column(Text)
    # NULL: it was enqueued (from) or deleted (to).
    from_state: Mapped[str | None] = mapped_column(Text)
    to_state: Mapped[str | None] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(Text)
    attempt: Mapped[int] = mapped_column(Integer)
    reason: Mapped[str | None] = mapped_column(Text)
    data: Mapped[Any | None] = mapped_column(JSONB)
    # Of a try that failed: which error.
    fingerprint: Mapped[str | None] = mapped_column(Text)


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


class SavedView(Base):
    """A filter of the task list that a person has given a name. `params` is its query string."""

    __tablename__ = "saved_views"
    __table_args__ = (
        CheckConstraint("length(name) BETWEEN 1 AND 60", name="name"),
        UniqueConstraint("owner_id", "name", name="saved_views_owner_name_key"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Text)
    params: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Moment, server_default=func.now())


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


class Worker(Base):
    """A worker process, for people to look at. No statement decides about a lease by this table."""

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
    cpu: Mapped[float | None] = mapped_column(Double)  # of one core, since the beat before
