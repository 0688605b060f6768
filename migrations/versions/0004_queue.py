"""What an operator of a serious queue expects: sleeping tasks, deadlines, paused queues."""

import sqlalchemy as sa
from alembic import op

from migrations import transitions

revision = "0004"
down_revision = "0002"

DEADLINE = sa.text("deadline_at IS NOT NULL AND finished_at IS NULL")


PAUSES = (
    """
-- Who paused and resumed, by whichever statement.
CREATE FUNCTION queues_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.paused_at IS DISTINCT FROM (CASE WHEN TG_OP = 'UPDATE' THEN OLD.paused_at END) THEN
    INSERT INTO queue_events (queue, verb, actor)
    VALUES (NEW.name, CASE WHEN NEW.paused_at IS NULL THEN 'resume' ELSE 'pause' END, holdpoint_actor());
  END IF;
  RETURN NULL;
END $$;
""",
    """
CREATE TRIGGER queues_log AFTER INSERT OR UPDATE ON queues FOR EACH ROW EXECUTE FUNCTION queues_log();
""",
)


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
    for statement in PAUSES:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION queues_log CASCADE")
    op.drop_table("queue_events")
    op.drop_table("queues")
    op.drop_index("tasks_deadline_idx", table_name="tasks", postgresql_where=DEADLINE)
    op.drop_column("tasks", "deadline_at")
