"""The tables of runs, tasks, approvals, postings, accounts, mail and counts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from holdgate.core.db import Xid8

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "login_links",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=True),
        sa.Column("browser_hash", sa.LargeBinary(), nullable=True),
        sa.Column("code_hash", sa.LargeBinary(), nullable=True),
        sa.Column("wrong_codes", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("next_path", sa.Text(), server_default="/overview", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("wrong_codes >= 0", name=op.f("login_links_wrong_codes_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("login_links_pkey")),
    )
    op.create_index(
        "login_links_email_idx",
        "login_links",
        [sa.literal_column("lower(email)"), "created_at"],
        unique=False,
    )
    op.create_index("login_links_token_hash_key", "login_links", ["token_hash"], unique=True)
    op.create_table(
        "mailbox_messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("mailbox_messages_pkey")),
        sa.UniqueConstraint("message_id", name=op.f("mailbox_messages_message_id_key")),
    )
    op.create_index("mailbox_messages_at_idx", "mailbox_messages", [sa.literal_column("at DESC")], unique=False)
    op.create_table(
        "rollup",
        sa.Column("id", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("upto", Xid8(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("rollup_one_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("rollup_pkey")),
    )
    op.create_table(
        "task_counts",
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
    )
    op.create_index("task_counts_run_idx", "task_counts", ["run_id"])
    op.create_index(
        "task_counts_key",
        "task_counts",
        ["owner_id", "run_id", "queue", "kind", "state"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "task_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("xid", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("task_events_pkey")),
    )
    op.create_index("task_events_task_id_idx", "task_events", ["task_id", "id"], unique=False)
    op.create_index("task_events_xid_idx", "task_events", ["xid"], unique=False)
    op.create_table(
        "task_transitions",
        sa.Column("from_state", sa.Text(), nullable=False),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("usual", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("from_state", "to_state", "verb", name=op.f("task_transitions_pkey")),
    )
    op.create_index(
        "task_transitions_usual_key",
        "task_transitions",
        ["from_state", "to_state"],
        unique=True,
        postgresql_where=sa.text("usual"),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("role", sa.Text(), server_default="member", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("signed_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("email LIKE '%_@_%' AND length(email) <= 254", name=op.f("users_email_check")),
        sa.CheckConstraint("role IN ('member', 'admin')", name=op.f("users_role_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("users_pkey")),
    )
    op.create_index("users_email_key", "users", [sa.literal_column("lower(email)")], unique=True)
    op.create_table(
        "workers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("queues", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("in_hand", sa.Integer(), server_default="0", nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("draining", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("workers_pkey")),
    )
    op.create_table(
        "posting_imports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("rows", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("errors", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("posting_imports_owner_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("posting_imports_pkey")),
    )
    op.create_table(
        "profiles",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("email", sa.Text(), server_default="", nullable=False),
        sa.Column("phone", sa.Text(), server_default="", nullable=False),
        sa.Column("resume", sa.LargeBinary(), nullable=True),
        sa.Column("resume_name", sa.Text(), server_default="", nullable=False),
        sa.Column("resume_type", sa.Text(), server_default="", nullable=False),
        sa.Column("cover_letter", sa.Text(), server_default="", nullable=False),
        sa.Column("answers", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("profiles_user_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("profiles_pkey")),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("state IN ('active', 'paused', 'cancelled')", name=op.f("runs_state_check")),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 200", name=op.f("runs_name_check")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("runs_owner_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("runs_pkey")),
    )
    op.create_index(
        "runs_created_idx",
        "runs",
        [sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index("runs_unsettled_idx", "runs", ["changed_at"], postgresql_where=sa.text("settled_at IS NULL"))
    op.create_index(
        "runs_owner_created_idx",
        "runs",
        ["owner_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column("user_agent", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("sessions_user_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("sessions_pkey")),
        sa.UniqueConstraint("id", name=op.f("sessions_id_key")),
    )
    op.create_index("sessions_user_id_idx", "sessions", ["user_id"], unique=False)
    op.create_table(
        "tasks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("state", sa.Text(), server_default="queued", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("priority", sa.SmallInteger(), server_default="50", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("max_attempts", sa.SmallInteger(), server_default="3", nullable=False),
        sa.Column("lease_losses", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("round", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("worker_id", sa.Uuid(), nullable=True),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("progress", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("error", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint("(state = 'running') = (lease_expires_at IS NOT NULL)", name=op.f("tasks_lease_check")),
        sa.CheckConstraint(
            "(state IN ('succeeded', 'dead_letter', 'rejected', 'expired', 'cancelled')) = (finished_at IS NOT NULL)",
            name=op.f("tasks_finished_check"),
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'scheduled', 'running', 'retrying', 'pending_approval', 'needs_input', 'needs_auth', 'paused', 'succeeded', 'dead_letter', 'rejected', 'expired', 'cancelled')",
            name=op.f("tasks_state_check"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('scheduled', 'retrying') OR run_at IS NOT NULL", name=op.f("tasks_due_check")
        ),
        sa.CheckConstraint("attempt >= 0", name=op.f("tasks_attempt_check")),
        sa.CheckConstraint("failures >= 0", name=op.f("tasks_failures_check")),
        sa.CheckConstraint("lease_losses >= 0", name=op.f("tasks_lease_losses_check")),
        sa.CheckConstraint("max_attempts >= 1", name=op.f("tasks_max_attempts_check")),
        sa.CheckConstraint("priority BETWEEN 0 AND 1000", name=op.f("tasks_priority_check")),
        sa.CheckConstraint("round >= 0", name=op.f("tasks_round_check")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("tasks_owner_id_fkey")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("tasks_run_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("tasks_pkey")),
        sa.UniqueConstraint("run_id", "subject", name="tasks_run_subject_key"),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index(
        "tasks_due_idx",
        "tasks",
        ["run_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('scheduled', 'retrying')"),
    )
    op.create_index("tasks_subject_idx", "tasks", ["subject"], postgresql_where=sa.text("subject IS NOT NULL"))
    op.create_index(
        "tasks_owner_created_idx",
        "tasks",
        ["owner_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "tasks_ready_idx",
        "tasks",
        ["queue", sa.literal_column("priority DESC"), "queued_at"],
        unique=False,
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "tasks_run_state_idx",
        "tasks",
        ["run_id", "state"],
        unique=False,
        postgresql_where=sa.text("run_id IS NOT NULL"),
    )
    op.create_index("tasks_running_idx", "tasks", ["id"], unique=False, postgresql_where=sa.text("state = 'running'"))
    op.create_index(
        "tasks_state_created_idx",
        "tasks",
        ["state", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "approvals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("hold", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("round", sa.SmallInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("shown", sa.JSON(), nullable=False),
        sa.Column("form", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("needed", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("self_approval", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("level", sa.Text(), server_default="link", nullable=False),
        sa.Column("continues_on_reject", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("continues_on_expire", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("ttl", sa.Interval(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("clock_started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_from", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint("(state = 'pending') = (decided_at IS NULL)", name=op.f("approvals_decided_check")),
        sa.CheckConstraint(
            "hold IN ('pending_approval', 'needs_input', 'needs_auth')", name=op.f("approvals_hold_check")
        ),
        sa.CheckConstraint("level IN ('link', 'sign-in')", name=op.f("approvals_level_check")),
        sa.CheckConstraint(
            "state IN ('pending', 'approved', 'answered', 'rejected', 'expired', 'cancelled')",
            name=op.f("approvals_state_check"),
        ),
        sa.CheckConstraint("needed >= 1", name=op.f("approvals_needed_check")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("approvals_owner_id_fkey")),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("approvals_task_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("approvals_pkey")),
        sa.UniqueConstraint("task_id", "step", "round", name="approvals_task_step_round_key"),
    )
    op.create_index(
        "approvals_deadline_idx",
        "approvals",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "approvals_decided_idx",
        "approvals",
        [sa.literal_column("decided_at DESC")],
        unique=False,
        postgresql_where=sa.text("state <> 'pending'"),
    )
    op.create_index(
        "approvals_open_key",
        "approvals",
        ["task_id"],
        unique=True,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "postings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("company", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), server_default="", nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("canonical_url", sa.Text(), nullable=False),
        sa.Column("apply_url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("external_id", sa.Text(), server_default="", nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("questions", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("extra", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("applied_task_id", sa.Uuid(), nullable=True),
        sa.Column(
            "words",
            postgresql.TSVECTOR(),
            sa.Computed(
                "to_tsvector('simple', translate(title || ' ' || company || ' ' || location, '/', ' '))", persisted=True
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["applied_task_id"], ["tasks.id"], name=op.f("postings_applied_task_id_fkey"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("postings_owner_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("postings_pkey")),
        sa.UniqueConstraint("owner_id", "canonical_url", name="postings_owner_canonical_url_key"),
    )
    op.create_index(
        "postings_owner_created_idx",
        "postings",
        ["owner_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index("postings_words_idx", "postings", ["words"], unique=False, postgresql_using="gin")
    op.create_table(
        "task_steps",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("task_steps_task_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task_id", "name", name=op.f("task_steps_pkey")),
    )
    op.create_table(
        "approval_recipients",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("approval_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("fresh_links", sa.Integer(), server_default="0", nullable=False),
        sa.Column("fresh_link_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'sent', 'undelivered', 'inbox')",
            name=op.f("approval_recipients_state_check"),
        ),
        sa.ForeignKeyConstraint(
            ["approval_id"],
            ["approvals.id"],
            name=op.f("approval_recipients_approval_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("approval_recipients_pkey")),
    )
    op.create_index(
        "approval_recipients_approval_email_key",
        "approval_recipients",
        ["approval_id", sa.literal_column("lower(email)")],
        unique=True,
    )
    op.create_index(
        "approval_recipients_email_idx",
        "approval_recipients",
        [sa.literal_column("lower(email)")],
        unique=False,
    )
    op.create_table(
        "approval_links",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("recipient_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["recipient_id"],
            ["approval_recipients.id"],
            name=op.f("approval_links_recipient_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("approval_links_pkey")),
    )
    op.create_index("approval_links_recipient_id_idx", "approval_links", ["recipient_id"], unique=False)


def downgrade() -> None:
    op.drop_index("approval_links_recipient_id_idx", table_name="approval_links")
    op.drop_table("approval_links")
    op.drop_index("approval_recipients_email_idx", table_name="approval_recipients")
    op.drop_index("approval_recipients_approval_email_key", table_name="approval_recipients")
    op.drop_table("approval_recipients")
    op.drop_table("task_steps")
    op.drop_index("postings_words_idx", table_name="postings", postgresql_using="gin")
    op.drop_index("postings_owner_created_idx", table_name="postings")
    op.drop_table("postings")
    op.drop_index("approvals_open_key", table_name="approvals", postgresql_where=sa.text("state = 'pending'"))
    op.drop_index("approvals_decided_idx", table_name="approvals", postgresql_where=sa.text("state <> 'pending'"))
    op.drop_index("approvals_deadline_idx", table_name="approvals", postgresql_where=sa.text("state = 'pending'"))
    op.drop_table("approvals")
    op.drop_index("tasks_state_created_idx", table_name="tasks")
    op.drop_index("tasks_running_idx", table_name="tasks", postgresql_where=sa.text("state = 'running'"))
    op.drop_index("tasks_run_state_idx", table_name="tasks", postgresql_where=sa.text("run_id IS NOT NULL"))
    op.drop_index("tasks_ready_idx", table_name="tasks", postgresql_where=sa.text("state = 'queued'"))
    op.drop_index("tasks_owner_created_idx", table_name="tasks")
    op.drop_index("tasks_due_idx", table_name="tasks", postgresql_where=sa.text("state IN ('scheduled', 'retrying')"))
    op.drop_table("tasks")
    op.drop_index("sessions_user_id_idx", table_name="sessions")
    op.drop_table("sessions")
    op.drop_index("runs_owner_created_idx", table_name="runs")
    op.drop_index("runs_created_idx", table_name="runs")
    op.drop_table("runs")
    op.drop_table("profiles")
    op.drop_table("posting_imports")
    op.drop_table("workers")
    op.drop_index("users_email_key", table_name="users")
    op.drop_table("users")
    op.drop_index("task_transitions_usual_key", table_name="task_transitions", postgresql_where=sa.text("usual"))
    op.drop_table("task_transitions")
    op.drop_index("task_events_xid_idx", table_name="task_events")
    op.drop_index("task_events_task_id_idx", table_name="task_events")
    op.drop_table("task_events")
    op.drop_index("task_counts_key", table_name="task_counts", postgresql_nulls_not_distinct=True)
    op.drop_table("task_counts")
    op.drop_table("rollup")
    op.drop_index("mailbox_messages_at_idx", table_name="mailbox_messages")
    op.drop_table("mailbox_messages")
    op.drop_index("login_links_token_hash_key", table_name="login_links")
    op.drop_index("login_links_email_idx", table_name="login_links")
    op.drop_table("login_links")
