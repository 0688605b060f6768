"""Mail follows the event log, too: what ended unsent is told to those who wait for it."""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.execute("INSERT INTO log_followers (name, upto) VALUES ('mail', pg_snapshot_xmin(pg_current_snapshot()))")


def downgrade() -> None:
    op.execute("DELETE FROM log_followers WHERE name = 'mail'")
