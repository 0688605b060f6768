"""Bulk actions, dead letters by error fingerprint, and what makes filters quick."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"

# As before: a row for each change of state. New: one for a change of priority, and for a dead letter that is marked as
# resolved, which stands apart in the counts from then on, so that these stay exact and cost nothing.
LOG_UPDATE = """
CREATE OR REPLACE FUNCTION tasks_log_update() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  actor text := holdgate_actor();
  -- Set where one edge belongs to several verbs and the unusual one is meant.
  meant text := nullif(current_setting('holdgate.verb', true), '');
BEGIN
  INSERT INTO task_events (task_id, run_id, owner_id, queue, kind, verb, from_state, to_state, actor, attempt, reason, data)
  SELECT n.id, n.run_id, n.owner_id, n.queue, n.kind,
         CASE WHEN n.state <> o.state THEN coalesce(t.verb, holdgate_refuse(o.state, n.state))
              WHEN n.resolved_at IS NOT NULL AND o.resolved_at IS NULL THEN 'resolve'
              WHEN n.resolved_at IS NULL AND o.resolved_at IS NOT NULL THEN 'reopen'
              ELSE 'prioritise' END,
         CASE WHEN o.resolved_at IS NULL THEN o.state ELSE 'resolved' END,
         CASE WHEN n.resolved_at IS NULL THEN n.state ELSE 'resolved' END,
         actor, n.attempt,
         CASE WHEN n.state <> o.state THEN n.reason
              WHEN n.resolved_at IS NOT NULL THEN n.resolution
              ELSE nullif(current_setting('holdgate.reason', true), '') END,
         CASE WHEN n.state = o.state AND n.priority <> o.priority
                THEN jsonb_build_object('from', o.priority, 'to', n.priority)
              WHEN n.state <> o.state AND n.state IN ('retrying', 'dead_letter') THEN n.error END
  FROM new_rows n
  JOIN old_rows o USING (id)
  LEFT JOIN task_transitions t
    ON t.from_state = o.state AND t.to_state = n.state AND CASE WHEN meant IS NULL THEN t.usual ELSE t.verb = meant END
  WHERE n.state <> o.state OR n.priority <> o.priority OR (n.resolved_at IS NULL) <> (o.resolved_at IS NULL);
  RETURN NULL;
END $$;
"""
LOG_DELETE = """
CREATE OR REPLACE FUNCTION tasks_log_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO task_events (task_id, run_id, owner_id, queue, kind, verb, from_state, to_state, actor, attempt)
  SELECT o.id, o.run_id, o.owner_id, o.queue, o.kind, 'delete',
         CASE WHEN o.resolved_at IS NULL THEN o.state ELSE 'resolved' END, NULL, holdgate_actor(), o.attempt
  FROM old_rows o;
  RETURN NULL;
END $$;
"""
LOG_UPDATE_BEFORE = """
CREATE OR REPLACE FUNCTION tasks_log_update() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  actor text := holdgate_actor();
  -- Set where one edge belongs to several verbs and the unusual one is meant.
  meant text := nullif(current_setting('holdgate.verb', true), '');
BEGIN
  INSERT INTO task_events (task_id, run_id, owner_id, queue, kind, verb, from_state, to_state, actor, attempt, reason, data)
  SELECT n.id, n.run_id, n.owner_id, n.queue, n.kind, coalesce(t.verb, holdgate_refuse(o.state, n.state)),
         o.state, n.state, actor, n.attempt, n.reason,
         CASE WHEN n.state IN ('retrying', 'dead_letter') THEN n.error END
  FROM new_rows n
  JOIN old_rows o USING (id)
  LEFT JOIN task_transitions t
    ON t.from_state = o.state AND t.to_state = n.state AND CASE WHEN meant IS NULL THEN t.usual ELSE t.verb = meant END
  WHERE n.state <> o.state;
  RETURN NULL;
END $$;
"""
LOG_DELETE_BEFORE = """
CREATE OR REPLACE FUNCTION tasks_log_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO task_events (task_id, run_id, owner_id, queue, kind, verb, from_state, to_state, actor, attempt)
  SELECT o.id, o.run_id, o.owner_id, o.queue, o.kind, 'delete', o.state, NULL, holdgate_actor(), o.attempt FROM old_rows o;
  RETURN NULL;
END $$;
"""
BULK_LOG = (
    """
-- Who started, stopped and continued it, by whichever statement.
CREATE FUNCTION bulk_actions_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.state IS DISTINCT FROM (CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END) THEN
    INSERT INTO bulk_events (action_id, from_state, to_state, actor, reason)
    VALUES (NEW.id, CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END, NEW.state, holdgate_actor(), NEW.reason);
  END IF;
  RETURN NULL;
END $$;
""",
    """
CREATE TRIGGER bulk_actions_log AFTER INSERT OR UPDATE ON bulk_actions
  FOR EACH ROW EXECUTE FUNCTION bulk_actions_log();
""",
)

WATCHED = sa.text("watch IS NOT NULL")
OPEN = sa.text("state IN ('running', 'waiting')")
KNOWN = sa.text("fingerprint IS NOT NULL")
NAMELESS = sa.text("state = 'dead_letter' AND fingerprint IS NULL")
NEWEST = [sa.literal_column("created_at DESC"), sa.literal_column("id DESC")]


def upgrade() -> None:
    _tasks()
    _tables()
    for statement in (LOG_UPDATE, LOG_DELETE, *BULK_LOG):
        op.execute(statement)


def _tasks() -> None:
    # Dead letters of before, and those that workers of the release before bury, get theirs from the sweeper.
    op.add_column("tasks", sa.Column("fingerprint", sa.Text()))
    op.add_column("tasks", sa.Column("resolved_at", sa.DateTime(timezone=True)))
    op.add_column("tasks", sa.Column("resolved_by", sa.Text()))
    op.add_column("tasks", sa.Column("resolution", sa.Text()))
    op.create_check_constraint(op.f("tasks_resolved_check"), "tasks", "resolved_at IS NULL OR state = 'dead_letter'")
    operators = {"payload": "jsonb_path_ops"}
    op.create_index("tasks_payload_idx", "tasks", ["payload"], postgresql_using="gin", postgresql_ops=operators)
    included = ["state", "owner_id", "finished_at", "resolved_at"]
    order = ["fingerprint", *NEWEST]
    op.create_index("tasks_fingerprint_idx", "tasks", order, postgresql_include=included, postgresql_where=KNOWN)
    op.create_index("tasks_nameless_idx", "tasks", ["id"], postgresql_where=NAMELESS)


def _tables() -> None:
    op.create_table(
        "bulk_actions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("scope", sa.Uuid()),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("filter", postgresql.JSONB(), nullable=False),
        sa.Column("priority", sa.SmallInteger()),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("canary", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("state", sa.Text(), server_default="running", nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("skipped", sa.Integer(), server_default="0", nullable=False),
        sa.Column("step", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("failed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cursor", sa.Uuid()),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "verb IN ('retry', 'resume', 'cancel', 'prioritise', 'resolve')", name=op.f("bulk_actions_verb_check")
        ),
        sa.CheckConstraint(
            "state IN ('running', 'waiting', 'stopped', 'finished')", name=op.f("bulk_actions_state_check")
        ),
        sa.CheckConstraint("(verb = 'prioritise') = (priority IS NOT NULL)", name=op.f("bulk_actions_priority_check")),
        sa.CheckConstraint("NOT canary OR verb = 'retry'", name=op.f("bulk_actions_canary_check")),
        sa.CheckConstraint(
            "done >= 0 AND skipped >= 0 AND done + skipped <= total", name=op.f("bulk_actions_progress_check")
        ),
        sa.CheckConstraint(
            "(state IN ('stopped', 'finished')) = (finished_at IS NOT NULL)", name=op.f("bulk_actions_finished_check")
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("bulk_actions_owner_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("bulk_actions_pkey")),
    )
    op.create_index("bulk_actions_owner_idx", "bulk_actions", ["owner_id", *NEWEST])
    op.create_index("bulk_actions_created_idx", "bulk_actions", NEWEST)
    op.create_index("bulk_actions_due_idx", "bulk_actions", ["due_at"], postgresql_where=OPEN)
    op.create_table(
        "bulk_tasks",
        sa.Column("action_id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("outcome", sa.Text()),
        sa.Column("fingerprint", sa.Text()),
        sa.Column("watch", sa.Text()),
        sa.CheckConstraint("outcome IN ('done', 'skipped')", name=op.f("bulk_tasks_outcome_check")),
        sa.CheckConstraint("watch IN ('step', 'passed')", name=op.f("bulk_tasks_watch_check")),
        sa.ForeignKeyConstraint(
            ["action_id"], ["bulk_actions.id"], name=op.f("bulk_tasks_action_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("action_id", "task_id", name=op.f("bulk_tasks_pkey")),
    )
    op.create_index("bulk_tasks_watch_idx", "bulk_tasks", ["action_id", "task_id"], postgresql_where=WATCHED)
    op.create_table(
        "bulk_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("action_id", sa.Uuid(), nullable=False),
        sa.Column("from_state", sa.Text()),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.ForeignKeyConstraint(
            ["action_id"], ["bulk_actions.id"], name=op.f("bulk_events_action_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("bulk_events_pkey")),
    )
    op.create_index("bulk_events_action_idx", "bulk_events", ["action_id", "id"])


def downgrade() -> None:
    # Logged while the function that knows of it is still there: the counts go back with it.
    op.execute("UPDATE tasks SET resolved_at = NULL WHERE resolved_at IS NOT NULL")
    for statement in (LOG_UPDATE_BEFORE, LOG_DELETE_BEFORE):
        op.execute(statement)
    op.execute("DROP FUNCTION bulk_actions_log CASCADE")
    op.drop_table("bulk_events")
    op.drop_table("bulk_tasks")
    op.drop_table("bulk_actions")
    op.drop_index("tasks_nameless_idx", table_name="tasks", postgresql_where=NAMELESS)
    op.drop_index("tasks_fingerprint_idx", table_name="tasks", postgresql_where=KNOWN)
    op.drop_index("tasks_payload_idx", table_name="tasks")
    op.drop_constraint(op.f("tasks_resolved_check"), "tasks")
    for name in ("resolution", "resolved_by", "resolved_at", "fingerprint"):
        op.drop_column("tasks", name)
