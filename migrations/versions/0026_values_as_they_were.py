"""Results of steps, forms and answers stay as they were written; no time that Python cannot read."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026"
down_revision = "0025"

contract = "0.1.0: json for jsonb: the release before writes and reads both in the same way"
blocking = "the tables are written anew; they hold what unfinished and recent tasks remember"

# jsonb orders the keys of objects by their length and writes numbers anew. Nothing searches these columns.
KEPT = (("task_steps", "result"), ("approvals", "form"), ("approvals", "answer"), ("approval_votes", "answer"))
READABLE = "BETWEEN '0001-01-02 00:00:00+00' AND '9999-12-30 00:00:00+00'"
TIMES = (("tasks", "run_at"), ("tasks", "deadline_at"), ("approvals", "expires_at"), ("approvals", "remind_at"))


def upgrade() -> None:
    for table, column in KEPT:
        op.alter_column(table, column, type_=sa.JSON(), postgresql_using=f"{column}::json")
    for table, column in TIMES:
        name = f"{table}_{column}_check"
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({column} {READABLE}) NOT VALID")
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


def downgrade() -> None:
    for table, column in TIMES:
        op.drop_constraint(op.f(f"{table}_{column}_check"), table)
    for table, column in KEPT:
        op.alter_column(table, column, type_=postgresql.JSONB(), postgresql_using=f"{column}::jsonb")
