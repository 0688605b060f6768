"""In which time zone a person wants to see times."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("users", sa.Column("time_zone", sa.Text()))


def downgrade() -> None:
    op.drop_column("users", "time_zone")
