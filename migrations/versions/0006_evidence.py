"""Evidence about approvals: time to take one back, links opened, questions that can be decided together."""

import sqlalchemy as sa
from alembic import op

from migrations import transitions

revision = "0006"
down_revision = "0005"

OPEN_ALIKE = sa.text("state = 'pending' AND alike IS NOT NULL")


def upgrade() -> None:
    transitions.sync()
    op.add_column(
        "approvals", sa.Column("take_back", sa.Interval(), nullable=False, server_default=sa.text("'0'::interval"))
    )
    op.add_column("approvals", sa.Column("alike", sa.Text()))
    op.create_index("approvals_alike_idx", "approvals", ["alike"], postgresql_where=OPEN_ALIKE)
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
    op.create_index("approval_openings_last_at_idx", "approval_openings", ["last_at"])


def downgrade() -> None:
    op.drop_table("approval_openings")
    op.drop_index("approvals_alike_idx", table_name="approvals", postgresql_where=OPEN_ALIKE)
    op.drop_column("approvals", "alike")
    op.drop_column("approvals", "take_back")
