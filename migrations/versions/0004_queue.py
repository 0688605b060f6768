"""What an operator of a serious queue expects: sleeping tasks, deadlines."""

import sqlalchemy as sa
from alembic import op

from migrations import transitions

revision = "0004"
down_revision = "0002"

DEADLINE = sa.text("deadline_at IS NOT NULL AND finished_at IS NULL")


def upgrade() -> None:
    transitions.sync()
    op.add_column("tasks", sa.Column("deadline_at", sa.DateTime(timezone=True)))
    op.create_index("tasks_deadline_idx", "tasks", ["deadline_at"], postgresql_where=DEADLINE)


def downgrade() -> None:
    op.drop_index("tasks_deadline_idx", table_name="tasks", postgresql_where=DEADLINE)
    op.drop_column("tasks", "deadline_at")
