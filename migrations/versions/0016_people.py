"""What people choose and see: shortcuts switched off, the inbox by deadline, how quickly a run has been getting on."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("users", sa.Column("shortcuts", sa.Boolean(), server_default=sa.text("true"), nullable=False))
    op.create_index(
        "approvals_inbox_idx",
        "approvals",
        [sa.text("coalesce(expires_at, '9000-01-01 00:00:00+00'::timestamptz)"), "id"],
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "run_minutes",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("minute", sa.DateTime(timezone=True), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "minute"),
    )
    op.create_index("run_minutes_minute_idx", "run_minutes", ["minute"])


def downgrade() -> None:
    op.drop_table("run_minutes")
    op.drop_index("approvals_inbox_idx", "approvals")
    op.drop_column("users", "shortcuts")
