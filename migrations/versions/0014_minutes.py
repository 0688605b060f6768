"""What happened in each minute and how long it took, folded from the log; what a worker process needs."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

# From the very beginning: the sweeper folds the history that is there in small portions, after the migration.
FOLLOW = "INSERT INTO log_followers (name, upto) VALUES ('minutes', '0')"


def span() -> list[sa.Column[object]]:
    return [
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("span", sa.SmallInteger(), nullable=False),
        sa.Column("minute", sa.DateTime(timezone=True), nullable=False),
    ]


def upgrade() -> None:
    op.create_table(
        "task_minutes",
        *span(),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("wait", sa.Numeric(), nullable=False),
        sa.Column("work", sa.Numeric(), nullable=False),
        sa.Column("people", sa.Numeric(), nullable=False),
    )
    op.create_index(
        "task_minutes_key",
        "task_minutes",
        ["owner_id", "span", "minute", "queue", "kind", "outcome"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_index("task_minutes_age_idx", "task_minutes", ["span", "minute"])
    op.create_table(
        "task_stays",
        *span(),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("buckets", sa.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("counts", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.CheckConstraint("stage IN ('queue', 'work', 'people')", name=op.f("task_stays_stage_check")),
    )
    op.create_index(
        "task_stays_key",
        "task_stays",
        ["owner_id", "span", "minute", "kind", "stage"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_index("task_stays_age_idx", "task_stays", ["span", "minute"])
    op.execute(FOLLOW)
    op.add_column("workers", sa.Column("version", sa.Text(), nullable=True))
    op.add_column("workers", sa.Column("memory", sa.BigInteger(), nullable=True))
    op.add_column("workers", sa.Column("cpu", sa.Double(), nullable=True))
    op.create_index(
        "approval_recipients_undelivered_idx",
        "approval_recipients",
        ["approval_id"],
        postgresql_where=sa.text("state = 'undelivered'"),
    )


def downgrade() -> None:
    op.drop_index("approval_recipients_undelivered_idx", table_name="approval_recipients")
    op.drop_column("workers", "cpu")
    op.drop_column("workers", "memory")
    op.drop_column("workers", "version")
    op.execute("DELETE FROM log_followers WHERE name = 'minutes'")
    op.drop_table("task_stays")
    op.drop_table("task_minutes")
