"""Which task is sending an application for a posting, so that no two do at once."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    # No foreign key: a task that is gone sends nothing, and retention need not look here.
    op.add_column("postings", sa.Column("sending_task_id", sa.Uuid()))


def downgrade() -> None:
    op.drop_column("postings", "sending_task_id")
