"""When runs finish, what happened to them and where their time went; webhooks; followers of the event log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from holdgate.core.db import Xid8

revision = "0009"
down_revision = "0008"

LOG = (
    """
-- What happens to a run, by whichever statement.
CREATE FUNCTION runs_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO run_events (run_id, verb, actor) VALUES (NEW.id, 'started', holdgate_actor());
    RETURN NULL;
  END IF;
  IF NEW.state <> OLD.state THEN
    INSERT INTO run_events (run_id, verb, actor)
    VALUES (NEW.id, CASE NEW.state WHEN 'active' THEN 'resumed' ELSE NEW.state END, holdgate_actor());
  END IF;
  IF (NEW.finished_at IS NULL) <> (OLD.finished_at IS NULL) THEN
    INSERT INTO run_events (run_id, verb, actor)
    VALUES (NEW.id, CASE WHEN NEW.finished_at IS NULL THEN 'reopened' ELSE 'finished' END, holdgate_actor());
  END IF;
  RETURN NULL;
END $$;
""",
    """
CREATE TRIGGER runs_log AFTER INSERT OR UPDATE OF state, finished_at ON runs
  FOR EACH ROW EXECUTE FUNCTION runs_log();
""",
)

# What was there before. Events from here on are the follower's, which begins at the same transaction id.
FOLLOW = "INSERT INTO log_followers (name, upto) SELECT n, pg_snapshot_xmin(pg_current_snapshot()) FROM unnest(ARRAY['runs', 'webhooks']) AS n"
TIMES = """
INSERT INTO run_times (run_id, stage, n, seconds)
SELECT e.run_id, s.stage, sum(v.n), sum(-v.n * extract(epoch FROM e.at))
FROM task_events e, LATERAL (VALUES (e.from_state, -1), (e.to_state, 1)) AS v(state, n)
JOIN (VALUES ('queued', 'queue'), ('running', 'work'), ('pending_approval', 'people'), ('needs_input', 'people'),
             ('needs_auth', 'people'), ('scheduled', 'later'), ('retrying', 'later'), ('paused', 'later'))
     AS s(state, stage) ON s.state = v.state
WHERE e.run_id IS NOT NULL AND e.xid < (SELECT upto FROM log_followers WHERE name = 'runs')
GROUP BY e.run_id, s.stage
"""
FINISHED = """
UPDATE runs r SET finished_at = coalesce((SELECT max(t.finished_at) FROM tasks t WHERE t.run_id = r.id), r.changed_at)
WHERE NOT EXISTS (SELECT FROM tasks t WHERE t.run_id = r.id AND t.finished_at IS NULL)
"""
EVENTS = """
INSERT INTO run_events (run_id, verb, actor, at)
SELECT id, 'started', coalesce('user:' || (SELECT email FROM users WHERE users.id = owner_id), 'system'), created_at
FROM runs
"""


def moment(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True))


def upgrade() -> None:
    op.create_table(
        "log_followers",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("upto", Xid8(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("log_followers_pkey")),
    )
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
    op.create_index("run_events_run_id_idx", "run_events", ["run_id", "id"])
    op.create_index("run_events_xid_idx", "run_events", ["xid"])
    op.add_column("users", sa.Column("run_notices", sa.Boolean(), server_default=sa.text("true"), nullable=False))
    op.add_column("runs", moment("finished_at"))
    op.add_column("runs", moment("notified_at"))
    op.add_column("runs", sa.Column("opened", sa.BigInteger(), server_default="0", nullable=False))
    for statement in (FOLLOW, TIMES, FINISHED, EVENTS, *LOG):
        op.execute(statement)
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", postgresql.JSONB(), nullable=False),
        sa.Column("everyone", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("old_secret", sa.Text()),
        moment("old_secret_until"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        moment("disabled_at"),
        sa.Column("disabled_reason", sa.Text()),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        moment("failing_since"),
        sa.CheckConstraint(
            "(old_secret IS NULL) = (old_secret_until IS NULL)", name=op.f("webhook_endpoints_old_check")
        ),
        sa.CheckConstraint(
            "(failures > 0) = (failing_since IS NOT NULL)", name=op.f("webhook_endpoints_failing_check")
        ),
        sa.CheckConstraint(
            "(disabled_at IS NULL) = (disabled_reason IS NULL)", name=op.f("webhook_endpoints_disabled_check")
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("webhook_endpoints_owner_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("webhook_endpoints_pkey")),
    )
    op.create_index("webhook_endpoints_owner_id_idx", "webhook_endpoints", ["owner_id"])
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        moment("tried_at"),
        sa.Column("status", sa.SmallInteger()),
        sa.Column("took", sa.Interval()),
        sa.Column("problem", sa.Text()),
        moment("delivered_at"),
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
    op.create_index("webhook_deliveries_task_id_idx", "webhook_deliveries", ["task_id"])
    op.create_index(
        "webhook_deliveries_endpoint_idx", "webhook_deliveries", ["endpoint_id", sa.literal_column("id DESC")]
    )


def downgrade() -> None:
    op.drop_table("webhook_deliveries")
    op.drop_table("webhook_endpoints")
    op.execute("DROP FUNCTION runs_log CASCADE")
    op.drop_column("runs", "opened")
    op.drop_column("runs", "notified_at")
    op.drop_column("runs", "finished_at")
    op.drop_column("users", "run_notices")
    op.drop_table("run_events")
    op.drop_table("run_times")
    op.drop_table("log_followers")
