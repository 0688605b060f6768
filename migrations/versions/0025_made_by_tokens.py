"""Which token made what goes on by itself, so that revoking it can say what is left, and end it."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"

TABLES = ("schedules", "webhook_endpoints")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("token_id", sa.Uuid()))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "token_id")
