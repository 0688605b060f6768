"""What operating needs: the trace a task was asked for in, and when each worker last swept."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    # The default comes second, so that no row is written: tasks of before have no trace.
    op.add_column("tasks", sa.Column("traceparent", sa.Text(), nullable=True))
    op.execute(
        "ALTER TABLE tasks ALTER COLUMN traceparent"
        " SET DEFAULT NULLIF(current_setting('holdgate.traceparent', true), '')"
    )
    op.add_column("workers", sa.Column("swept_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("workers", "swept_at")
    op.drop_column("tasks", "traceparent")
