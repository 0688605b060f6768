"""What an operator of a serious queue expects: sleeping tasks, deadlines, paused queues, fair share, retention, strays."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import transitions

revision = "0004"
down_revision = "0003"

DEADLINE = sa.text("deadline_at IS NOT NULL AND finished_at IS NULL")


PAUSES = (
    """
-- Who paused and resumed, by whichever statement.
CREATE FUNCTION queues_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.paused_at IS DISTINCT FROM (CASE WHEN TG_OP = 'UPDATE' THEN OLD.paused_at END) THEN
    INSERT INTO queue_events (queue, verb, actor)
    VALUES (NEW.name, CASE WHEN NEW.paused_at IS NULL THEN 'resume' ELSE 'pause' END, holdgate_actor());
  END IF;
  RETURN NULL;
END $$;
""",
    """
CREATE TRIGGER queues_log AFTER INSERT OR UPDATE ON queues FOR EACH ROW EXECUTE FUNCTION queues_log();
""",
)

# A share is a run, or a person with their single tasks. `place + n` is where its n-th new task goes: behind its own last
# one, and never before the head of the queue, which is the queue's own clock. An empty queue sets the clock by the real
# one, which runs ahead of it: no queue works off a million tasks a second.
SHARE = "COALESCE(run_id, owner_id, '00000000-0000-0000-0000-000000000000'::uuid)"
PLACES = (
    """
CREATE FUNCTION holdgate_head(queue_ text, priority_ int) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT t.position FROM tasks t
          WHERE t.state = 'queued' AND t.queue = queue_ AND t.priority = priority_::smallint
          ORDER BY t.position LIMIT 1);
END $$;
""",
    """
CREATE FUNCTION holdgate_place(queue_ text, priority_ int, share_ uuid, at_ timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce(
    greatest(holdgate_head(queue_, priority_),
             (SELECT t.position FROM tasks t
              WHERE t.state = 'queued' AND t.queue = queue_ AND t.priority = priority_::smallint
                AND COALESCE(t.run_id, t.owner_id, '00000000-0000-0000-0000-000000000000'::uuid) = share_
              ORDER BY -t.position LIMIT 1)),
    (extract(epoch FROM at_) * 1000000)::bigint);
END $$;
""",
    """
-- Where a task that was claimed and comes back goes: to the head. Not to where it was, or the clock would run back.
CREATE FUNCTION holdgate_front(queue_ text, priority_ int, position_ bigint) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN greatest(position_, holdgate_head(queue_, priority_) - 1);
END $$;
""",
)
APPLIED = sa.text("applied_task_id IS NOT NULL")
QUEUED = sa.text("state = 'queued'")


def upgrade() -> None:
    transitions.sync()
    op.add_column("tasks", sa.Column("deadline_at", sa.DateTime(timezone=True)))
    op.create_index("tasks_deadline_idx", "tasks", ["deadline_at"], postgresql_where=DEADLINE)
    op.create_table(
        "queues",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True)),
        sa.Column("paused_by", sa.Text()),
        sa.CheckConstraint("(paused_at IS NULL) = (paused_by IS NULL)", name=op.f("queues_paused_check")),
        sa.PrimaryKeyConstraint("name", name=op.f("queues_pkey")),
    )
    op.create_table(
        "queue_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("queue_events_pkey")),
    )
    for statement in (*PAUSES, *PLACES):
        op.execute(statement)
    # Existing tasks stand where they stood. Not by an UPDATE of the whole table: only the unfinished will be claimed.
    default = sa.text("(extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
    op.add_column("tasks", sa.Column("position", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    op.alter_column("tasks", "position", server_default=default)
    op.execute("UPDATE tasks SET position = extract(epoch FROM queued_at) * 1000000 WHERE finished_at IS NULL")
    op.drop_index("tasks_ready_idx", table_name="tasks", postgresql_where=QUEUED)
    order = ["queue", sa.literal_column("priority DESC"), "position"]
    op.create_index("tasks_ready_idx", "tasks", order, postgresql_where=QUEUED)
    share = [sa.literal_column(SHARE), "queue", "priority", sa.literal_column('(- "position")')]
    op.create_index("tasks_share_idx", "tasks", share, postgresql_where=QUEUED)
    op.add_column("tasks", sa.Column("claimed_at", sa.DateTime(timezone=True)))
    op.add_column("workers", sa.Column("kinds", postgresql.JSONB()))
    op.create_table(
        "orphans",
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("queue", "kind", name=op.f("orphans_pkey")),
    )
    op.create_index("task_events_deleted_idx", "task_events", ["at"], postgresql_where=sa.text("to_state IS NULL"))
    op.create_index("postings_applied_task_idx", "postings", ["applied_task_id"], postgresql_where=APPLIED)


def downgrade() -> None:
    op.drop_table("orphans")
    op.drop_column("workers", "kinds")
    op.drop_column("tasks", "claimed_at")
    op.drop_index("postings_applied_task_idx", table_name="postings", postgresql_where=APPLIED)
    op.drop_index("task_events_deleted_idx", table_name="task_events", postgresql_where=sa.text("to_state IS NULL"))
    op.drop_index("tasks_share_idx", table_name="tasks", postgresql_where=QUEUED)
    op.drop_index("tasks_ready_idx", table_name="tasks", postgresql_where=QUEUED)
    order = ["queue", sa.literal_column("priority DESC"), "queued_at"]
    op.create_index("tasks_ready_idx", "tasks", order, postgresql_where=QUEUED)
    op.drop_column("tasks", "position")
    for name in ("queues_log", "holdgate_place", "holdgate_front", "holdgate_head"):
        op.execute(f"DROP FUNCTION {name} CASCADE")
    op.drop_table("queue_events")
    op.drop_table("queues")
    op.drop_index("tasks_deadline_idx", table_name="tasks", postgresql_where=DEADLINE)
    op.drop_column("tasks", "deadline_at")
