"""The one log: a row per change of a task's state, written by the database's triggers in the same statement.

`task_log` is narrow, as it is written with every claim and every finish: states and verbs are enums, whose task it is
stands in `lanes`, who did it in `actors`. The view `task_events` says all of it in words, and is what is read.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ENUM, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from holdgate.core.postgres.tables import Base, View, Xid8
from holdgate.tasks.states import STANDINGS, TaskVerb

Moment = DateTime(timezone=True)

# What the log tells beside the moves of the machine.
LOGGED_VERBS = ("enqueue", *TaskVerb, "prioritise", "delete", "resolve", "reopen")
# A new member needs ALTER TYPE … ADD VALUE in a migration of its own, before anything uses it.
STATES = ENUM(*STANDINGS, name="task_state")
VERBS = ENUM(*LOGGED_VERBS, name="task_verb")


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


# Whose tasks (none: nobody's; of no run), in which queue and of which kind. Two may be the same in all of these.
lanes = Table(
    "lanes",
    Base.metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("owner_id", Uuid),
    Column("run_id", Uuid),
    Column("queue", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Index("lanes_key_idx", "kind", "queue", "run_id", "owner_id"),
)

# Who does something: below zero people, above zero workers and the system. Two may have the same name.
actors = Table(
    "actors",
    Base.metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("name", Text, nullable=False),
    Index("actors_name_idx", "name"),
)

# In the order of the key the log is read: of transactions that have ended, by id.
task_log = Table(
    "task_log",
    Base.metadata,
    Column("xid", Xid8, primary_key=True),
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("since", Moment),  # when the task came into from_state
    Column("task_id", Uuid, nullable=False),
    Column("lane", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("actor", Integer, nullable=False),
    Column("from_state", STATES),
    Column("to_state", STATES),
    Column("verb", VERBS, nullable=False),
    Column("reason", Text),
    Column("data", JSONB),
    Column("fingerprint", Text),
    Index("task_log_task_idx", "task_id"),
    Index("task_log_deleted_idx", "at", postgresql_where=text("to_state IS NULL")),
    # What people did, for the audit: hardly a cost to workers, whose events are not in it.
    Index("task_log_people_idx", "at", "id", postgresql_where=text("actor < 0")),
    Index("task_log_actor_idx", "actor", "at", "id", postgresql_where=text("actor < 0")),
)


class TaskEvent(View):
    """A row of the log in words."""

    __tablename__ = "task_events"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    xid: Mapped[str] = mapped_column(Xid8)
    at: Mapped[datetime] = mapped_column(Moment)
    since: Mapped[datetime | None] = mapped_column(Moment)
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
