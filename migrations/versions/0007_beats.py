"""Schedules, their beats, and who did what to them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0013"

Moment = sa.DateTime(timezone=True)
NOW = sa.text("now()")

SCHEDULE_LOG = (
    """
-- What people did, by whichever statement. The beats themselves are no events of people: they change other columns.
CREATE FUNCTION schedules_log() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  verb text;
  names text;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    SELECT string_agg(n.key, ', ' ORDER BY n.key) INTO names
    FROM jsonb_each(to_jsonb(NEW)) n JOIN jsonb_each(to_jsonb(OLD)) o USING (key)
    WHERE n.value <> o.value
      AND key IN ('name', 'kind', 'payload', 'queue', 'priority', 'cron', 'zone', 'missed', 'owner_id');
    verb := CASE WHEN names IS NOT NULL THEN 'edit'
                 WHEN OLD.paused_at IS NULL AND NEW.paused_at IS NOT NULL THEN 'pause'
                 WHEN OLD.paused_at IS NOT NULL AND NEW.paused_at IS NULL THEN 'resume'
                 WHEN NEW.asked_at IS DISTINCT FROM OLD.asked_at THEN 'run' END;
  ELSE
    verb := CASE TG_OP WHEN 'INSERT' THEN 'create' ELSE 'delete' END;
  END IF;
  IF verb IS NOT NULL THEN
    INSERT INTO schedule_events (schedule_id, name, verb, actor, changed)
    VALUES (CASE TG_OP WHEN 'DELETE' THEN OLD.id ELSE NEW.id END,
            CASE TG_OP WHEN 'DELETE' THEN OLD.name ELSE NEW.name END, verb, holdpoint_actor(), names);
  END IF;
  RETURN NULL;
END $$;
""",
    """
CREATE TRIGGER schedules_log AFTER INSERT OR UPDATE OR DELETE ON schedules
  FOR EACH ROW EXECUTE FUNCTION schedules_log();
""",
)


def upgrade() -> None:
    op.create_table(
        "schedules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(), nullable=False),
        sa.Column("queue", sa.Text()),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("cron", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("missed", sa.Text(), nullable=False),
        sa.Column("created_at", Moment, server_default=NOW, nullable=False),
        sa.Column("paused_at", Moment),
        sa.Column("paused_by", sa.Text()),
        sa.Column("next_at", Moment),
        sa.Column("last_at", Moment),
        sa.Column("last_task_id", sa.Uuid()),
        sa.Column("asked_at", Moment),
        sa.Column("problem", sa.Text()),
        sa.Column("retry_at", Moment),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 200", name=op.f("schedules_name_check")),
        sa.CheckConstraint("priority BETWEEN 0 AND 1000", name=op.f("schedules_priority_check")),
        sa.CheckConstraint("missed IN ('catch_up', 'skip')", name=op.f("schedules_missed_check")),
        sa.CheckConstraint("(paused_at IS NULL) = (paused_by IS NULL)", name=op.f("schedules_paused_check")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("schedules_owner_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("schedules_pkey")),
    )
    op.create_index("schedules_due_idx", "schedules", ["next_at"], postgresql_where=sa.text("paused_at IS NULL"))
    newest = [sa.literal_column("created_at DESC"), sa.literal_column("id DESC")]
    op.create_index("schedules_owner_created_idx", "schedules", ["owner_id", *newest])
    op.create_index("schedules_created_idx", "schedules", newest)
    op.create_table(
        "schedule_beats",
        sa.Column("schedule_id", sa.Uuid(), nullable=False),
        sa.Column("beat_at", Moment, nullable=False),
        sa.Column("taken_at", Moment, server_default=NOW, nullable=False),
        sa.Column("task_id", sa.Uuid()),
        sa.ForeignKeyConstraint(
            ["schedule_id"], ["schedules.id"], name=op.f("schedule_beats_schedule_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("schedule_id", "beat_at", name=op.f("schedule_beats_pkey")),
    )
    op.create_table(
        "schedule_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", Moment, server_default=NOW, nullable=False),
        sa.Column("schedule_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("changed", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=op.f("schedule_events_pkey")),
    )
    op.create_index("schedule_events_schedule_idx", "schedule_events", ["schedule_id", "id"])
    for statement in SCHEDULE_LOG:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION schedules_log CASCADE")
    op.drop_table("schedule_events")
    op.drop_table("schedule_beats")
    op.drop_table("schedules")
