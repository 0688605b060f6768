"""All there is at the first release: the tables, then the functions and triggers of migrations/sql.

Later releases add migrations of their own, and keep migrations/sql as it is then: the present text, one file each. A test
holds a migrated database against it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from holdgate.core.postgres.tables import Xid8
from migrations import sql_files, transitions

revision = "0001"
down_revision = None

STATES = postgresql.ENUM(
    "queued",
    "scheduled",
    "running",
    "retrying",
    "pending_approval",
    "needs_input",
    "needs_auth",
    "paused",
    "succeeded",
    "dead_letter",
    "resolved",
    "rejected",
    "expired",
    "cancelled",
    name="task_state",
    create_type=False,
)
VERBS = postgresql.ENUM(
    "enqueue",
    "claim",
    "succeed",
    "retry_later",
    "bury",
    "hold",
    "snooze",
    "requeue",
    "promote",
    "pause",
    "unpause",
    "approve",
    "answer",
    "take_back",
    "reject",
    "request_changes",
    "expire",
    "retry",
    "resume",
    "cancel",
    "prioritise",
    "delete",
    "resolve",
    "reopen",
    name="task_verb",
    create_type=False,
)
FOLLOWERS = ("mail", "minutes", "runs", "webhooks", "words")


def upgrade() -> None:
    tables()
    sql_files.create()
    # Its callers need no other right here, so whoever may call it is said one by one (docs/enqueue.md).
    op.execute("REVOKE ALL ON FUNCTION enqueue_many(jsonb, integer) FROM PUBLIC")
    transitions.sync()
    here = "pg_snapshot_xmin(pg_current_snapshot())"
    op.execute(f"INSERT INTO rollup (upto) VALUES ({here})")
    for name in FOLLOWERS:
        op.execute(f"INSERT INTO log_followers (name, upto) VALUES ('{name}', {here})")


def tables() -> None:
    for type in (STATES, VERBS):
        type.create(op.get_bind())
    op.create_table(
        "actors",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("actors_pkey")),
    )
    op.create_index("actors_name_idx", "actors", ["name"], unique=False)
    op.create_table(
        "audit_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("area", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("audit_events_pkey")),
    )
    op.create_index(
        "audit_events_at_idx",
        "audit_events",
        [sa.literal_column("at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "error_counts",
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("dead", sa.Boolean(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
    )
    op.create_index("error_counts_owner_idx", "error_counts", ["owner_id"], unique=False)
    op.create_table(
        "error_minutes",
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("span", sa.SmallInteger(), nullable=False),
        sa.Column("minute", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
    )
    op.create_index("error_minutes_age_idx", "error_minutes", ["span", "minute"], unique=False)
    op.create_index(
        "error_minutes_key",
        "error_minutes",
        ["owner_id", "span", "minute", "fingerprint"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "error_names",
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("error_type", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("error_names_age_idx", "error_names", ["last_at"], unique=False)
    op.create_index(
        "error_names_key", "error_names", ["owner_id", "fingerprint"], unique=True, postgresql_nulls_not_distinct=True
    )
    op.create_table(
        "kind_limit_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("limits", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("kind_limit_events_pkey")),
    )
    op.create_index(
        "kind_limit_events_at_idx",
        "kind_limit_events",
        [sa.literal_column("at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "kind_limits",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("concurrency", sa.Integer(), nullable=True),
        sa.Column("rate_count", sa.Integer(), nullable=True),
        sa.Column("rate_per", sa.Interval(), nullable=True),
        sa.Column("limited", sa.Boolean(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tokens", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("tokens_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("rate_count >= 1 AND rate_per > interval '0'", name=op.f("kind_limits_rate_check")),
        sa.CheckConstraint("(rate_count IS NULL) = (rate_per IS NULL)", name=op.f("kind_limits_whole_rate_check")),
        sa.CheckConstraint("concurrency >= 0", name=op.f("kind_limits_concurrency_check")),
        sa.CheckConstraint(
            "limited = (concurrency IS NOT NULL OR rate_count IS NOT NULL)", name=op.f("kind_limits_limited_check")
        ),
        sa.PrimaryKeyConstraint("kind", name=op.f("kind_limits_pkey")),
    )
    op.create_table(
        "doctor_notices",
        sa.Column("check", sa.Text(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("check", name=op.f("doctor_notices_pkey")),
    )
    op.create_table(
        "erasures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("pseudonym", sa.Text(), nullable=False),
        sa.Column("step", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("changed", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(done_at IS NULL) = (address IS NOT NULL)", name=op.f("erasures_address_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("erasures_pkey")),
    )
    op.create_index(
        "erasures_address_key",
        "erasures",
        ["address"],
        unique=True,
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "lanes",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("lanes_pkey")),
    )
    op.create_index("lanes_key_idx", "lanes", ["kind", "queue", "run_id", "owner_id"], unique=False)
    op.create_table(
        "log_followers",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("upto", Xid8(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("log_followers_pkey")),
    )
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
        sa.Column("person", sa.Text(), nullable=True),
        sa.Column("network", sa.Text(), nullable=True),
        sa.Column("mailed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint("wrong_codes >= 0", name=op.f("login_links_wrong_codes_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("login_links_pkey")),
    )
    op.create_index(
        "login_links_email_idx", "login_links", [sa.literal_column("lower(email)"), "created_at"], unique=False
    )
    op.create_index(
        "login_links_mailed_idx", "login_links", ["created_at"], unique=False, postgresql_where=sa.text("mailed")
    )
    op.create_index("login_links_person_idx", "login_links", ["person", "created_at"], unique=False)
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
        "orphans",
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("queue", "kind", name=op.f("orphans_pkey")),
    )
    op.create_table(
        "queue_depths",
        sa.Column("span", sa.SmallInteger(), nullable=False),
        sa.Column("minute", sa.DateTime(timezone=True), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("depth", sa.BigInteger(), nullable=False),
        sa.Column("oldest", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("span", "minute", "queue", name=op.f("queue_depths_pkey")),
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
    op.create_index(
        "queue_events_at_idx",
        "queue_events",
        [sa.literal_column("at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "queues",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_by", sa.Text(), nullable=True),
        sa.CheckConstraint("(paused_at IS NULL) = (paused_by IS NULL)", name=op.f("queues_paused_check")),
        sa.PrimaryKeyConstraint("name", name=op.f("queues_pkey")),
    )
    op.create_table(
        "retention_walks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("retention_walks_pkey")),
    )
    op.create_table(
        "rollup",
        sa.Column("id", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("upto", Xid8(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("rollup_one_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("rollup_pkey")),
    )
    op.create_table(
        "run_minutes",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("minute", sa.DateTime(timezone=True), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "minute", name=op.f("run_minutes_pkey")),
    )
    op.create_index("run_minutes_minute_idx", "run_minutes", ["minute"], unique=False)
    op.create_table(
        "run_times",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Numeric(), nullable=False),
        sa.CheckConstraint("stage IN ('queue', 'work', 'people', 'later')", name=op.f("run_times_stage_check")),
        sa.PrimaryKeyConstraint("run_id", "stage", name=op.f("run_times_pkey")),
    )
    op.create_table(
        "schedule_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("schedule_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("changed", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("schedule_events_pkey")),
    )
    op.create_index(
        "schedule_events_at_idx",
        "schedule_events",
        [sa.literal_column("at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index("schedule_events_schedule_idx", "schedule_events", ["schedule_id", "id"], unique=False)
    op.create_table(
        "task_counts",
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
    )
    op.create_index(
        "task_counts_key",
        "task_counts",
        ["owner_id", "run_id", "queue", "kind", "state"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_index("task_counts_run_idx", "task_counts", ["run_id"], unique=False)
    op.create_table(
        "task_log",
        sa.Column("xid", Xid8(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.Column("from_state", STATES, nullable=True),
        sa.Column("to_state", STATES, nullable=True),
        sa.Column("verb", VERBS, nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("xid", "id", name=op.f("task_log_pkey")),
    )
    op.create_index(
        "task_log_actor_idx",
        "task_log",
        ["actor", "at", "id"],
        unique=False,
        postgresql_where=sa.text("actor < 0"),
    )
    op.create_index(
        "task_log_deleted_idx", "task_log", ["at"], unique=False, postgresql_where=sa.text("to_state IS NULL")
    )
    op.create_index(
        "task_log_people_idx",
        "task_log",
        ["at", "id"],
        unique=False,
        postgresql_where=sa.text("actor < 0"),
    )
    op.create_index("task_log_task_idx", "task_log", ["task_id"], unique=False)
    op.create_table(
        "task_minutes",
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("span", sa.SmallInteger(), nullable=False),
        sa.Column("minute", sa.DateTime(timezone=True), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("wait", sa.Numeric(), nullable=False),
        sa.Column("work", sa.Numeric(), nullable=False),
        sa.Column("people", sa.Numeric(), nullable=False),
    )
    op.create_index("task_minutes_age_idx", "task_minutes", ["span", "minute"], unique=False)
    op.create_index(
        "task_minutes_key",
        "task_minutes",
        ["owner_id", "span", "minute", "queue", "kind", "outcome"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "task_stays",
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("span", sa.SmallInteger(), nullable=False),
        sa.Column("minute", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("buckets", sa.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("counts", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.CheckConstraint("stage IN ('queue', 'work', 'people')", name=op.f("task_stays_stage_check")),
    )
    op.create_index("task_stays_age_idx", "task_stays", ["span", "minute"], unique=False)
    op.create_index(
        "task_stays_key",
        "task_stays",
        ["owner_id", "span", "minute", "kind", "stage"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "task_totals",
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
    )
    op.create_index(
        "task_totals_key",
        "task_totals",
        ["owner_id", "queue", "kind", "state"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
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
        "task_words",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("words", postgresql.TSVECTOR(), nullable=False),
        sa.PrimaryKeyConstraint("task_id", name=op.f("task_words_pkey")),
    )
    op.create_index("task_words_idx", "task_words", ["words"], unique=False, postgresql_using="gin")
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("role", sa.Text(), server_default="member", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("signed_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("time_zone", sa.Text(), nullable=True),
        sa.Column("run_notices", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("shortcuts", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("emails_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("email LIKE '%_@_%' AND length(email) <= 254", name=op.f("users_email_check")),
        sa.CheckConstraint("role IN ('member', 'admin')", name=op.f("users_role_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("users_pkey")),
    )
    op.create_index("users_email_key", "users", [sa.literal_column("lower(email)")], unique=True)
    op.create_table(
        "answer_notes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("group_name", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.CheckConstraint(
            "event IN ('requested', 'delivered', 'undelivered', 'decided', 'expired')",
            name=op.f("answer_notes_event_check"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("answer_notes_pkey")),
    )
    op.create_table(
        "answer_counts",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("group_name", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.CheckConstraint(
            "event IN ('requested', 'delivered', 'undelivered', 'decided', 'expired')",
            name=op.f("answer_counts_event_check"),
        ),
        sa.PrimaryKeyConstraint("kind", "group_name", "event", name=op.f("answer_counts_pkey")),
    )
    op.create_table(
        "answer_times",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("group_name", sa.Text(), nullable=False),
        sa.Column("bucket", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "group_name", "bucket", name=op.f("answer_times_pkey")),
    )
    op.create_table(
        "person_times",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("bucket", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("person", "month", "bucket", name=op.f("person_times_pkey")),
    )
    op.create_table(
        "groups",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("name ~ '^[a-z0-9]([a-z0-9._-]{0,48}[a-z0-9])?$'", name=op.f("groups_name_check")),
        sa.CheckConstraint("length(description) <= 500", name=op.f("groups_description_check")),
        sa.PrimaryKeyConstraint("name", name=op.f("groups_pkey")),
    )
    op.create_table(
        "group_members",
        sa.Column("group_name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("email LIKE '%_@_%' AND length(email) <= 254", name=op.f("group_members_email_check")),
        sa.ForeignKeyConstraint(
            ["group_name"], ["groups.name"], name=op.f("group_members_group_name_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_name", "email", name=op.f("group_members_pkey")),
    )
    op.create_index("group_members_email_idx", "group_members", ["email"], unique=False)
    op.create_table(
        "workers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("queues", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("kinds", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("in_hand", sa.Integer(), server_default="0", nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("swept_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("draining", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("memory", sa.BigInteger(), nullable=True),
        sa.Column("cpu", sa.Double(), nullable=True),
        sa.Column("locks", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("missed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("workers_pkey")),
    )
    op.create_table(
        "api_replies",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("location", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("api_replies_user_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "key", name=op.f("api_replies_pkey")),
    )
    op.create_index("api_replies_created_idx", "api_replies", ["created_at"], unique=False)
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trusted_by", sa.Text(), nullable=True),
        sa.CheckConstraint("cardinality(scopes) >= 1", name=op.f("api_tokens_scopes_check")),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 100", name=op.f("api_tokens_name_check")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("api_tokens_user_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("api_tokens_pkey")),
    )
    op.create_index("api_tokens_token_hash_key", "api_tokens", ["token_hash"], unique=True)
    op.create_index("api_tokens_user_id_idx", "api_tokens", ["user_id"], unique=False)
    op.create_table(
        "bulk_actions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("scope", sa.Uuid(), nullable=True),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("filter", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("canary", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("state", sa.Text(), server_default="running", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("skipped", sa.Integer(), server_default="0", nullable=False),
        sa.Column("step", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("failed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cursor", sa.Uuid(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state IN ('stopped', 'finished')) = (finished_at IS NOT NULL)", name=op.f("bulk_actions_finished_check")
        ),
        sa.CheckConstraint("(verb = 'prioritise') = (priority IS NOT NULL)", name=op.f("bulk_actions_priority_check")),
        sa.CheckConstraint("NOT canary OR verb = 'retry'", name=op.f("bulk_actions_canary_check")),
        sa.CheckConstraint(
            "state IN ('running', 'waiting', 'stopped', 'finished')", name=op.f("bulk_actions_state_check")
        ),
        sa.CheckConstraint(
            "verb IN ('retry', 'resume', 'cancel', 'prioritise', 'resolve')", name=op.f("bulk_actions_verb_check")
        ),
        sa.CheckConstraint(
            "done >= 0 AND skipped >= 0 AND done + skipped <= total", name=op.f("bulk_actions_progress_check")
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("bulk_actions_owner_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("bulk_actions_pkey")),
    )
    op.create_index(
        "bulk_actions_created_idx",
        "bulk_actions",
        [sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "bulk_actions_due_idx",
        "bulk_actions",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('running', 'waiting')"),
    )
    op.create_index(
        "bulk_actions_owner_idx",
        "bulk_actions",
        ["owner_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "board_hosts",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("host", name=op.f("board_hosts_pkey")),
    )
    op.create_table(
        "column_choices",
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("header", sa.Text(), nullable=False),
        sa.Column("fields", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("chosen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("column_choices_owner_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("owner_id", "header", name=op.f("column_choices_pkey")),
    )
    op.create_table(
        "watched_boards",
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("watch", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text(), server_default="", nullable=False),
        sa.Column("modified", sa.Text(), server_default="", nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("watched_boards_owner_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("owner_id", "watch", name=op.f("watched_boards_pkey")),
    )
    op.create_table(
        "posting_imports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("rows", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("errors", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("warnings", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=True),
        sa.Column("reading", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("columns", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("encoding", sa.Text(), server_default="", nullable=False),
        sa.Column("board", sa.Text(), server_default="", nullable=False),
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
        sa.Column("first_name", sa.Text(), server_default="", nullable=False),
        sa.Column("last_name", sa.Text(), server_default="", nullable=False),
        sa.Column("email", sa.Text(), server_default="", nullable=False),
        sa.Column("phone", sa.Text(), server_default="", nullable=False),
        sa.Column("links", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("cover_letter", sa.Text(), server_default="", nullable=False),
        sa.Column("letters", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("answers", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("profiles_user_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("profiles_pkey")),
    )
    op.create_table(
        "resumes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("usual", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("resumes_user_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("resumes_pkey")),
    )
    op.create_index(op.f("resumes_user_id_idx"), "resumes", ["user_id"], unique=False)
    op.create_index("resumes_usual_key", "resumes", ["user_id"], unique=True, postgresql_where=sa.text("usual"))
    op.create_table(
        "runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("notified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("emptied_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('active', 'paused', 'cancelled')", name=op.f("runs_state_check")),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 200", name=op.f("runs_name_check")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("runs_owner_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("runs_pkey")),
    )
    op.create_index(
        "runs_created_idx", "runs", [sa.literal_column("created_at DESC"), sa.literal_column("id DESC")], unique=False
    )
    op.create_index(
        "runs_deleted_idx",
        "runs",
        ["deleted_at"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NOT NULL AND emptied_at IS NULL"),
    )
    op.create_index(
        "runs_owner_created_idx",
        "runs",
        ["owner_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "runs_unsettled_idx", "runs", ["changed_at"], unique=False, postgresql_where=sa.text("settled_at IS NULL")
    )
    op.create_table(
        "saved_views",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("params", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 60", name=op.f("saved_views_name_check")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("saved_views_owner_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("saved_views_pkey")),
        sa.UniqueConstraint("owner_id", "name", name="saved_views_owner_name_key"),
    )
    op.create_table(
        "schedules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("queue", sa.Text(), nullable=True),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("cron", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("missed", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_by", sa.Text(), nullable=True),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_task_id", sa.Uuid(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("token_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("missed IN ('catch_up', 'skip')", name=op.f("schedules_missed_check")),
        sa.CheckConstraint("(paused_at IS NULL) = (paused_by IS NULL)", name=op.f("schedules_paused_check")),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 200", name=op.f("schedules_name_check")),
        sa.CheckConstraint("priority BETWEEN 0 AND 1000", name=op.f("schedules_priority_check")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("schedules_owner_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("schedules_pkey")),
    )
    op.create_index(
        "schedules_created_idx",
        "schedules",
        [sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "schedules_due_idx", "schedules", ["next_at"], unique=False, postgresql_where=sa.text("paused_at IS NULL")
    )
    op.create_index(
        "schedules_owner_created_idx",
        "schedules",
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
        "bulk_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("action_id", sa.Uuid(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["action_id"], ["bulk_actions.id"], name=op.f("bulk_events_action_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("bulk_events_pkey")),
    )
    op.create_index("bulk_events_action_idx", "bulk_events", ["action_id", "id"], unique=False)
    op.create_index(
        "bulk_events_at_idx", "bulk_events", [sa.literal_column("at DESC"), sa.literal_column("id DESC")], unique=False
    )
    op.create_table(
        "bulk_tasks",
        sa.Column("action_id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("watch", sa.Text(), nullable=True),
        sa.Column("priority", sa.SmallInteger(), nullable=True),
        sa.CheckConstraint("outcome IN ('done', 'skipped')", name=op.f("bulk_tasks_outcome_check")),
        sa.CheckConstraint("watch IN ('step', 'passed')", name=op.f("bulk_tasks_watch_check")),
        sa.ForeignKeyConstraint(
            ["action_id"], ["bulk_actions.id"], name=op.f("bulk_tasks_action_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("action_id", "task_id", name=op.f("bulk_tasks_pkey")),
    )
    op.create_index(
        "bulk_tasks_watch_idx",
        "bulk_tasks",
        ["action_id", "task_id"],
        unique=False,
        postgresql_where=sa.text("watch IS NOT NULL"),
    )
    op.create_table(
        "run_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("xid", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("run_events_run_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("run_events_pkey")),
    )
    op.create_index(
        "run_events_at_idx", "run_events", [sa.literal_column("at DESC"), sa.literal_column("id DESC")], unique=False
    )
    op.create_index("run_events_run_id_idx", "run_events", ["run_id", "id"], unique=False)
    op.create_index("run_events_xid_idx", "run_events", ["xid"], unique=False)
    op.create_table(
        "schedule_beats",
        sa.Column("schedule_id", sa.Uuid(), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["schedule_id"], ["schedules.id"], name=op.f("schedule_beats_schedule_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("schedule_id", "beat_at", name=op.f("schedule_beats_pkey")),
    )
    op.create_table(
        "tasks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "position",
            sa.BigInteger(),
            server_default=sa.text("(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("priority", sa.SmallInteger(), server_default="50", nullable=False),
        sa.Column("failures", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("max_attempts", sa.SmallInteger(), server_default="3", nullable=False),
        sa.Column("lease_losses", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("round", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("limited", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("state", sa.Text(), server_default="queued", nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("worker_id", sa.Uuid(), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column(
            "traceparent",
            sa.Text(),
            server_default=sa.text("NULLIF(current_setting('holdgate.traceparent', true), '')"),
            nullable=True,
        ),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("progress", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("error", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=True),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.CheckConstraint("(state = 'running') = (lease_expires_at IS NOT NULL)", name=op.f("tasks_lease_check")),
        sa.CheckConstraint(
            "(state IN ('succeeded', 'dead_letter', 'rejected', 'expired', 'cancelled')) = (finished_at IS NOT NULL)",
            name=op.f("tasks_finished_check"),
        ),
        sa.CheckConstraint(
            "deadline_at BETWEEN '0001-01-02 00:00:00+00' AND '9999-12-30 00:00:00+00'",
            name=op.f("tasks_deadline_at_check"),
        ),
        sa.CheckConstraint("resolved_at IS NULL OR state = 'dead_letter'", name=op.f("tasks_resolved_check")),
        sa.CheckConstraint(
            "run_at BETWEEN '0001-01-02 00:00:00+00' AND '9999-12-30 00:00:00+00'", name=op.f("tasks_run_at_check")
        ),
        sa.CheckConstraint(
            "state NOT IN ('scheduled', 'retrying') OR run_at IS NOT NULL", name=op.f("tasks_due_check")
        ),
        sa.CheckConstraint("least(attempt, failures, lease_losses, round) >= 0", name=op.f("tasks_counters_check")),
        sa.CheckConstraint("max_attempts >= 1", name=op.f("tasks_max_attempts_check")),
        sa.CheckConstraint("priority BETWEEN 0 AND 1000", name=op.f("tasks_priority_check")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("tasks_owner_id_fkey")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("tasks_run_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("tasks_pkey")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index(
        "tasks_deadline_idx",
        "tasks",
        ["deadline_at"],
        unique=False,
        postgresql_where=sa.text("deadline_at IS NOT NULL AND finished_at IS NULL"),
    )
    op.create_index(
        "tasks_died_idx",
        "tasks",
        ["fingerprint", "finished_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'dead_letter' AND fingerprint IS NOT NULL AND resolved_at IS NULL"),
    )
    op.create_index(
        "tasks_died_of_owner_idx",
        "tasks",
        ["owner_id", "fingerprint", "finished_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'dead_letter' AND fingerprint IS NOT NULL AND resolved_at IS NULL"),
    )
    op.create_index(
        "tasks_due_idx",
        "tasks",
        ["run_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('scheduled', 'retrying')"),
    )
    op.create_index(
        "tasks_fingerprint_idx",
        "tasks",
        ["fingerprint", sa.literal_column("id DESC")],
        unique=False,
        postgresql_include=["state", "owner_id", "finished_at", "resolved_at"],
        postgresql_where=sa.text("fingerprint IS NOT NULL"),
    )
    op.create_index(
        "tasks_limited_idx",
        "tasks",
        ["kind", "queue", sa.literal_column("priority DESC"), "position"],
        unique=False,
        postgresql_where=sa.text("state || '' = 'queued' AND limited"),
    )
    op.create_index(
        "tasks_limited_running_idx",
        "tasks",
        ["kind"],
        unique=False,
        postgresql_where=sa.text("state = 'running' AND limited"),
    )
    op.create_index(
        "tasks_limited_share_idx",
        "tasks",
        [
            "kind",
            sa.literal_column("COALESCE(run_id, owner_id, '00000000-0000-0000-0000-000000000000'::uuid)"),
            "queue",
            "priority",
            sa.literal_column('("position" + 0)'),
        ],
        unique=False,
        postgresql_where=sa.text("state = 'queued' AND limited"),
    )
    op.create_index(
        "tasks_nameless_idx",
        "tasks",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state = 'dead_letter' AND fingerprint IS NULL"),
    )
    op.create_index(
        "tasks_open_errors_idx",
        "tasks",
        ["fingerprint", sa.literal_column("id DESC")],
        unique=False,
        postgresql_include=["state", "owner_id", "finished_at"],
        postgresql_where=sa.text("fingerprint IS NOT NULL AND resolved_at IS NULL"),
    )
    op.create_index(
        "tasks_owner_idx",
        "tasks",
        ["owner_id", "id"],
        unique=False,
        postgresql_where=sa.text("owner_id IS NOT NULL"),
    )
    op.create_index(
        "tasks_ready_idx",
        "tasks",
        ["queue", sa.literal_column("priority DESC"), "position"],
        unique=False,
        postgresql_where=sa.text("state || '' = 'queued' AND NOT limited"),
    )
    op.create_index(
        "tasks_run_state_idx",
        "tasks",
        ["run_id", "state"],
        unique=False,
        postgresql_where=sa.text("run_id IS NOT NULL"),
    )
    op.create_index(
        "tasks_run_subject_key",
        "tasks",
        ["run_id", "subject"],
        unique=True,
        postgresql_where=sa.text("run_id IS NOT NULL"),
    )
    op.create_index("tasks_running_idx", "tasks", ["id"], unique=False, postgresql_where=sa.text("state = 'running'"))
    op.create_index(
        "tasks_share_idx",
        "tasks",
        [
            sa.literal_column("COALESCE(run_id, owner_id, '00000000-0000-0000-0000-000000000000'::uuid)"),
            "queue",
            "priority",
            sa.literal_column('("position" + 0)'),
        ],
        unique=False,
        postgresql_where=sa.text("state = 'queued' AND NOT limited"),
    )
    op.create_index(
        "tasks_state_idx",
        "tasks",
        ["state", "id"],
        unique=False,
        postgresql_where=sa.text("state NOT IN ('running', 'succeeded')"),
    )
    op.create_index(
        "tasks_subject_idx", "tasks", ["subject"], unique=False, postgresql_where=sa.text("subject IS NOT NULL")
    )
    op.create_index(
        "tasks_suspects_idx",
        "tasks",
        ["queue", sa.literal_column("priority DESC"), "position"],
        unique=False,
        postgresql_where=sa.text("state = 'queued' AND lease_losses > 0"),
    )
    op.create_index(
        "tasks_waiting_idx", "tasks", ["queue", "queued_at"], unique=False, postgresql_where=sa.text("state = 'queued'")
    )
    op.create_table(
        "absences",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("substitute", sa.Text(), nullable=True),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("absences_ends_at_check")),
        sa.CheckConstraint(
            "substitute LIKE '%_@_%' AND length(substitute) <= 254", name=op.f("absences_substitute_check")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("absences_user_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("absences_pkey")),
    )
    op.create_index("absences_user_idx", "absences", ["user_id", "ends_at"], unique=False)
    op.create_table(
        "working_times",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("days", sa.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("starts", sa.Time(), nullable=False),
        sa.Column("ends", sa.Time(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("quiet", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("holidays", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "cardinality(days) >= 1 AND days <@ '{1,2,3,4,5,6,7}'", name=op.f("working_times_days_check")
        ),
        sa.CheckConstraint("ends > starts", name=op.f("working_times_ends_check")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("working_times_user_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("working_times_pkey")),
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
        sa.Column("form", sa.JSON(), nullable=True),
        sa.Column("choices", sa.JSON(), server_default="{}", nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("needed", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("needed_by", sa.JSON(), nullable=True),
        sa.Column("self_approval", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("level", sa.Text(), server_default="link", nullable=False),
        sa.Column("asks_others", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("continues_on_reject", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("continues_on_expire", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("escalates_to", sa.Text(), nullable=True),
        sa.Column("escalated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clock", sa.Text(), server_default="wall", nullable=False),
        sa.Column("urgent", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("ttl", sa.Interval(), nullable=True),
        sa.Column("take_back", sa.Interval(), server_default=sa.text("'0'::interval"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("clock_started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("remind_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reminders", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("time_left", sa.Interval(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_from", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("answer", sa.JSON(), nullable=True),
        sa.Column("option", sa.Text(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("alike", sa.Text(), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asker", sa.Text(), nullable=True),
        sa.Column("asker_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("(asker IS NULL) = (asker_id IS NULL)", name=op.f("approvals_asker_check")),
        sa.CheckConstraint("(state = 'pending') = (decided_at IS NULL)", name=op.f("approvals_decided_check")),
        sa.CheckConstraint(
            "expires_at BETWEEN '0001-01-02 00:00:00+00' AND '9999-12-30 00:00:00+00'",
            name=op.f("approvals_expires_at_check"),
        ),
        sa.CheckConstraint(
            "hold IN ('pending_approval', 'needs_input', 'needs_auth')", name=op.f("approvals_hold_check")
        ),
        sa.CheckConstraint("clock IN ('wall', 'working')", name=op.f("approvals_clock_check")),
        sa.CheckConstraint("level IN ('link', 'sign-in')", name=op.f("approvals_level_check")),
        sa.CheckConstraint(
            "remind_at BETWEEN '0001-01-02 00:00:00+00' AND '9999-12-30 00:00:00+00'",
            name=op.f("approvals_remind_at_check"),
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'approved', 'answered', 'rejected', 'changes_requested', 'expired', 'cancelled')",
            name=op.f("approvals_state_check"),
        ),
        sa.CheckConstraint("needed >= 1", name=op.f("approvals_needed_check")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("approvals_owner_id_fkey")),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("approvals_task_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("approvals_pkey")),
    )
    op.create_index(
        "approvals_alike_idx",
        "approvals",
        ["alike"],
        unique=False,
        postgresql_where=sa.text("state = 'pending' AND alike IS NOT NULL"),
    )
    op.create_index(
        "approvals_asker_idx",
        "approvals",
        ["asker_id", "created_at"],
        unique=False,
        postgresql_where=sa.text("asker_id IS NOT NULL"),
    )
    op.create_index(
        "approvals_asker_open_idx",
        "approvals",
        ["asker_id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending' AND asker_id IS NOT NULL"),
    )
    op.create_index(
        "approvals_deadline_idx",
        "approvals",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "approvals_open_since_idx",
        "approvals",
        ["created_at"],
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
        "approvals_owner_idx",
        "approvals",
        ["owner_id"],
        unique=False,
        postgresql_where=sa.text("state <> 'pending'"),
    )
    op.create_index(
        "approvals_inbox_idx",
        "approvals",
        [sa.literal_column("coalesce(expires_at, '9000-01-01 00:00:00+00'::timestamptz)"), "id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "approvals_open_key", "approvals", ["task_id"], unique=True, postgresql_where=sa.text("state = 'pending'")
    )
    op.create_index(
        "approvals_remind_idx",
        "approvals",
        ["remind_at"],
        unique=False,
        postgresql_where=sa.text("state = 'pending' AND remind_at IS NOT NULL"),
    )
    op.create_index("approvals_step_idx", "approvals", ["task_id", "step", "round"], unique=False)
    op.create_table(
        "alarms",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("condition", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("queue", sa.Text(), nullable=True),
        sa.Column("count", sa.Integer(), nullable=True),
        sa.Column("span", sa.Interval(), nullable=True),
        sa.Column("everyone", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("state", sa.Text(), server_default="ok", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("fired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recovered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "condition IN ('failures', 'queue_wait', 'schedule_missed')", name=op.f("alarms_condition_check")
        ),
        sa.CheckConstraint("(condition = 'failures') = (count IS NOT NULL)", name=op.f("alarms_count_check")),
        sa.CheckConstraint("(condition = 'schedule_missed') = (span IS NULL)", name=op.f("alarms_span_check")),
        sa.CheckConstraint("state IN ('ok', 'firing')", name=op.f("alarms_state_check")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("alarms_owner_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("alarms_pkey")),
    )
    op.create_index("alarms_next_at_idx", "alarms", ["next_at"], unique=False)
    op.create_index("alarms_owner_id_idx", "alarms", ["owner_id"], unique=False)
    op.create_table(
        "error_mutes",
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("muted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("error_mutes_owner_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("owner_id", "digest", name=op.f("error_mutes_pkey")),
    )
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("everyone", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("old_secret", sa.Text(), nullable=True),
        sa.Column("old_secret_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("token_id", sa.Uuid(), nullable=True),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(disabled_at IS NULL) = (disabled_reason IS NULL)", name=op.f("webhook_endpoints_disabled_check")
        ),
        sa.CheckConstraint(
            "(failures > 0) = (failing_since IS NOT NULL)", name=op.f("webhook_endpoints_failing_check")
        ),
        sa.CheckConstraint(
            "(old_secret IS NULL) = (old_secret_until IS NULL)", name=op.f("webhook_endpoints_old_check")
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("webhook_endpoints_owner_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name=op.f("webhook_endpoints_task_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("webhook_endpoints_pkey")),
    )
    op.create_index("webhook_endpoints_owner_id_idx", "webhook_endpoints", ["owner_id"], unique=False)
    op.create_index(
        "webhook_endpoints_task_id_key",
        "webhook_endpoints",
        ["task_id"],
        unique=True,
        postgresql_where=sa.text("task_id IS NOT NULL"),
    )
    op.create_table(
        "program_requests",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("calls_back", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name=op.f("program_requests_task_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("task_id", name=op.f("program_requests_pkey")),
    )
    op.create_index(
        "program_requests_calls_back_idx",
        "program_requests",
        ["task_id"],
        unique=False,
        postgresql_where=sa.text("calls_back"),
    )
    op.create_table(
        "artifacts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.CheckConstraint("size >= 0", name=op.f("artifacts_size_check")),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("artifacts_task_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("artifacts_pkey")),
        sa.UniqueConstraint("task_id", "name", name="artifacts_task_name_key"),
    )
    op.create_table(
        "attempt_lines",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("lines", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("attempt_lines_task_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task_id", "attempt", name=op.f("attempt_lines_pkey")),
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
        sa.Column("channel", sa.Text(), server_default="direct", nullable=False),
        sa.Column("channel_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("valid_through", sa.Date(), nullable=True),
        sa.Column("board", sa.Text(), server_default="", nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resume_id", sa.Uuid(), nullable=True),
        sa.Column("letter", sa.Text(), server_default="", nullable=False),
        sa.Column("duplicate_of", sa.Uuid(), nullable=True),
        sa.Column("company_key", sa.Text(), server_default="", nullable=False),
        sa.Column("title_key", sa.Text(), server_default="", nullable=False),
        sa.Column("tracker_status", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("applied_task_id", sa.Uuid(), nullable=True),
        sa.Column("sending_task_id", sa.Uuid(), nullable=True),
        sa.Column(
            "words",
            postgresql.TSVECTOR(),
            sa.Computed(
                "to_tsvector('simple', translate(title || ' ' || company || ' ' || location, '/', ' '))", persisted=True
            ),
            nullable=False,
        ),
        sa.CheckConstraint("duplicate_of <> id", name=op.f("postings_duplicate_check")),
        sa.ForeignKeyConstraint(
            ["applied_task_id"], ["tasks.id"], name=op.f("postings_applied_task_id_fkey"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["duplicate_of"], ["postings.id"], name=op.f("postings_duplicate_of_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("postings_owner_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("postings_pkey")),
        sa.UniqueConstraint("owner_id", "canonical_url", name="postings_owner_canonical_url_key"),
    )
    op.create_index(
        "postings_applied_task_idx",
        "postings",
        ["applied_task_id"],
        unique=False,
        postgresql_where=sa.text("applied_task_id IS NOT NULL"),
    )
    op.create_index(
        "postings_board_idx", "postings", ["owner_id", "board"], unique=False, postgresql_where=sa.text("board <> ''")
    )
    op.create_index(
        "postings_owner_created_idx",
        "postings",
        ["owner_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index("postings_words_idx", "postings", ["words"], unique=False, postgresql_using="gin")
    op.create_index(
        "postings_likeness_idx",
        "postings",
        ["owner_id", "company_key", "title_key"],
        unique=False,
        postgresql_where=sa.text("company_key <> ''"),
    )
    op.create_index(
        "postings_duplicates_idx",
        "postings",
        ["duplicate_of"],
        unique=False,
        postgresql_where=sa.text("duplicate_of IS NOT NULL"),
    )
    op.create_table(
        "distinct_postings",
        sa.Column("first_id", sa.Uuid(), nullable=False),
        sa.Column("second_id", sa.Uuid(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("first_id < second_id", name=op.f("distinct_postings_order_check")),
        sa.ForeignKeyConstraint(
            ["first_id"], ["postings.id"], name=op.f("distinct_postings_first_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["second_id"], ["postings.id"], name=op.f("distinct_postings_second_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("first_id", "second_id", name=op.f("distinct_postings_pkey")),
    )
    op.create_index("distinct_postings_second_idx", "distinct_postings", ["second_id"], unique=False)
    op.create_table(
        "task_steps",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("task_steps_task_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task_id", "name", name=op.f("task_steps_pkey")),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("took", sa.Interval(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["webhook_endpoints.id"],
            name=op.f("webhook_deliveries_endpoint_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name=op.f("webhook_deliveries_task_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("webhook_deliveries_pkey")),
    )
    op.create_index(
        "webhook_deliveries_endpoint_idx",
        "webhook_deliveries",
        ["endpoint_id", sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index("webhook_deliveries_task_id_idx", "webhook_deliveries", ["task_id"], unique=False)
    op.create_table(
        "approval_digests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("approval_digests_pkey")),
    )
    op.create_index("approval_digests_person_idx", "approval_digests", ["person", "created_at"], unique=False)
    op.create_table(
        "approval_digest_links",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("digest_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["digest_id"],
            ["approval_digests.id"],
            name=op.f("approval_digest_links_digest_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("approval_digest_links_pkey")),
    )
    op.create_index("approval_digest_links_digest_idx", "approval_digest_links", ["digest_id"], unique=False)
    op.create_table(
        "approval_turns",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("approval_turns_pkey")),
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
        sa.Column("forwarded_from", sa.Uuid(), nullable=True),
        sa.Column("forward_note", sa.Text(), nullable=True),
        sa.Column("groups", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("substitute_for", sa.Text(), nullable=True),
        sa.Column("escalated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "person",
            sa.Text(),
            sa.Computed(r"regexp_replace(lower(btrim(email)), '^([^+@]+)\+[^@]*@', '\1@')", persisted=True),
            nullable=False,
        ),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("turn", sa.Text(), nullable=True),
        sa.Column("urgency", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("pace", sa.SmallInteger(), server_default="10", nullable=False),
        sa.Column("tell_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("digest_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'sent', 'undelivered', 'inbox', 'shown')",
            name=op.f("approval_recipients_state_check"),
        ),
        sa.CheckConstraint("turn IN ('waiting', 'open')", name=op.f("approval_recipients_turn_check")),
        sa.ForeignKeyConstraint(
            ["digest_id"],
            ["approval_digests.id"],
            name=op.f("approval_recipients_digest_id_fkey"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["approval_id"], ["approvals.id"], name=op.f("approval_recipients_approval_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["forwarded_from"],
            ["approval_recipients.id"],
            name=op.f("approval_recipients_forwarded_from_fkey"),
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
        "approval_recipients_email_idx", "approval_recipients", [sa.literal_column("lower(email)")], unique=False
    )
    op.create_index(
        "approval_recipients_forwarded_key",
        "approval_recipients",
        ["forwarded_from"],
        unique=True,
        postgresql_where=sa.text("forwarded_from IS NOT NULL"),
    )
    op.create_index(
        "approval_recipients_undelivered_idx",
        "approval_recipients",
        ["approval_id"],
        unique=False,
        postgresql_where=sa.text("state = 'undelivered'"),
    )
    op.create_index(
        "approval_recipients_waiting_idx",
        "approval_recipients",
        ["person", sa.literal_column("urgency DESC"), "asked_at", "id"],
        unique=False,
        postgresql_where=sa.text("turn = 'waiting'"),
    )
    op.create_index(
        "approval_recipients_open_idx",
        "approval_recipients",
        ["person"],
        unique=False,
        postgresql_where=sa.text("turn = 'open'"),
    )
    op.create_index(
        "approval_recipients_tell_idx",
        "approval_recipients",
        ["tell_at"],
        unique=False,
        postgresql_where=sa.text("tell_at IS NOT NULL"),
    )
    op.create_index(
        "approval_recipients_told_idx",
        "approval_recipients",
        ["person", "told_at"],
        unique=False,
        postgresql_where=sa.text("told_at IS NOT NULL"),
    )
    op.create_index("approval_recipients_asked_idx", "approval_recipients", ["person", "asked_at"], unique=False)
    op.create_index(
        "approval_recipients_digest_idx",
        "approval_recipients",
        ["digest_id"],
        unique=False,
        postgresql_where=sa.text("digest_id IS NOT NULL"),
    )
    op.create_table(
        "approval_uploads",
        sa.Column("artifact_id", sa.Uuid(), nullable=False),
        sa.Column("approval_id", sa.Uuid(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["approval_id"], ["approvals.id"], name=op.f("approval_uploads_approval_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["artifact_id"], ["artifacts.id"], name=op.f("approval_uploads_artifact_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("artifact_id", name=op.f("approval_uploads_pkey")),
    )
    op.create_index("approval_uploads_approval_idx", "approval_uploads", ["approval_id"], unique=False)
    op.create_table(
        "approval_votes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("approval_id", sa.Uuid(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("answer", sa.JSON(), nullable=True),
        sa.Column("option", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "verb IN ('approve', 'reject', 'request_changes', 'answer')", name=op.f("approval_votes_verb_check")
        ),
        sa.ForeignKeyConstraint(
            ["approval_id"], ["approvals.id"], name=op.f("approval_votes_approval_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("approval_votes_pkey")),
        sa.UniqueConstraint("approval_id", "person", name="approval_votes_approval_person_key"),
    )
    op.create_table(
        "approval_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("approval_id", sa.Uuid(), nullable=False),
        sa.Column("recipient_id", sa.Uuid(), nullable=True),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(
            ["approval_id"], ["approvals.id"], name=op.f("approval_events_approval_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["recipient_id"],
            ["approval_recipients.id"],
            name=op.f("approval_events_recipient_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("approval_events_pkey")),
    )
    op.create_index("approval_events_approval_idx", "approval_events", ["approval_id", "id"], unique=False)
    op.create_index(
        "approval_events_at_idx",
        "approval_events",
        [sa.literal_column("at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index("approval_events_recipient_idx", "approval_events", ["recipient_id"], unique=False)
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
    op.create_table(
        "approval_notes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("approval_id", sa.Uuid(), nullable=False),
        sa.Column("recipient_id", sa.Uuid(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name=op.f("approval_notes_ended_check")),
        sa.CheckConstraint("answer IS NULL OR ended_at IS NOT NULL", name=op.f("approval_notes_answer_check")),
        sa.ForeignKeyConstraint(
            ["approval_id"], ["approvals.id"], name=op.f("approval_notes_approval_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["recipient_id"],
            ["approval_recipients.id"],
            name=op.f("approval_notes_recipient_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("approval_notes_pkey")),
    )
    op.create_index("approval_notes_approval_idx", "approval_notes", ["approval_id", "asked_at"], unique=False)
    op.create_index(
        "approval_notes_open_key",
        "approval_notes",
        ["approval_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("approval_notes_recipient_idx", "approval_notes", ["recipient_id"], unique=False)
    op.create_table(
        "approval_openings",
        sa.Column("recipient_id", sa.Uuid(), nullable=False),
        sa.Column("opener", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("sign", sa.Text(), nullable=False),
        sa.CheckConstraint("opener IN ('person', 'scanner')", name=op.f("approval_openings_opener_check")),
        sa.ForeignKeyConstraint(
            ["recipient_id"],
            ["approval_recipients.id"],
            name=op.f("approval_openings_recipient_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("recipient_id", "opener", name=op.f("approval_openings_pkey")),
    )
    op.create_index("approval_openings_last_at_idx", "approval_openings", ["last_at"], unique=False)
    op.create_table(
        "task_keys",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["tasks.id"],
            name=op.f("task_keys_task_id_fkey"),
            ondelete="CASCADE",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("kind", "owner_id", "key", name=op.f("task_keys_pkey")),
    )
    op.create_index("task_keys_task_idx", "task_keys", ["task_id"], unique=False)
    op.create_table(
        "applications",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("posting_id", sa.Uuid(), nullable=True),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("company", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), server_default="", nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("status_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("history", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("receipt", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("contact", sa.Text(), server_default="", nullable=False),
        sa.Column("notes", sa.Text(), server_default="", nullable=False),
        sa.Column("follow_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("follow_up_task_id", sa.Uuid(), nullable=True),
        sa.Column("copy", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("host", sa.Text(), server_default="", nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "channel IN ('direct', 'email', 'by_hand', 'elsewhere')", name=op.f("applications_channel_check")
        ),
        sa.CheckConstraint(
            "status IN ('prepared', 'put_aside', 'sent', 'replied', 'interview', 'offer', 'rejected', 'no_answer')",
            name=op.f("applications_status_check"),
        ),
        sa.CheckConstraint(
            "(status IN ('prepared', 'put_aside')) = (sent_at IS NULL)", name=op.f("applications_sent_at_check")
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("applications_owner_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["posting_id"], ["postings.id"], name=op.f("applications_posting_id_fkey"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("applications_task_id_fkey"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("applications_pkey")),
    )
    op.create_index(
        "applications_task_key",
        "applications",
        ["task_id"],
        unique=True,
        postgresql_where=sa.text("task_id IS NOT NULL"),
    )
    op.create_index(
        "applications_posting_idx",
        "applications",
        ["posting_id"],
        unique=False,
        postgresql_where=sa.text("posting_id IS NOT NULL"),
    )
    op.create_index(
        "applications_owner_created_idx",
        "applications",
        ["owner_id", sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index("applications_owner_status_idx", "applications", ["owner_id", "status"], unique=False)
    op.create_index(
        "applications_host_idx",
        "applications",
        ["owner_id", "host", "begun_at"],
        unique=False,
        postgresql_where=sa.text("begun_at IS NOT NULL"),
    )
    op.create_index(
        "applications_unanswered_idx",
        "applications",
        ["status_at"],
        unique=False,
        postgresql_where=sa.text("status = 'sent'"),
    )
    op.create_table(
        "application_files",
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("application_files_owner_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("owner_id", "sha256", name=op.f("application_files_pkey")),
    )


def downgrade() -> None:
    """Everything goes, whatever is in it."""
    op.execute(
        """
        DO $$ DECLARE name text; BEGIN
          FOR name IN SELECT quote_ident(tablename) FROM pg_tables
            WHERE schemaname = current_schema() AND tablename <> 'alembic_version'
          LOOP EXECUTE 'DROP TABLE ' || name || ' CASCADE'; END LOOP;
          FOR name IN SELECT quote_ident(viewname) FROM pg_views WHERE schemaname = current_schema()
          LOOP EXECUTE 'DROP VIEW ' || name || ' CASCADE'; END LOOP;
          FOR name IN SELECT CAST(CAST(oid AS regtype) AS text) FROM pg_type
            WHERE typnamespace = CAST(current_schema() AS regnamespace) AND typtype = 'e'
          LOOP EXECUTE 'DROP TYPE ' || name || ' CASCADE'; END LOOP;
          FOR name IN SELECT CAST(CAST(oid AS regprocedure) AS text) FROM pg_proc
            WHERE pronamespace = CAST(current_schema() AS regnamespace)
          LOOP EXECUTE 'DROP FUNCTION ' || name || ' CASCADE'; END LOOP;
        END $$
        """
    )
