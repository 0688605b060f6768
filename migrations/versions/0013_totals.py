"""What pages need to stay quick with a long history: totals over all runs, the newest tasks, the longest waiting ones."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

# By triggers, so that the totals follow whoever folds: a worker of the release before as well.
TRIGGERS = (
    """
CREATE FUNCTION task_counts_add() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO task_totals AS t (owner_id, queue, kind, state, n)
  SELECT owner_id, queue, kind, state, sum(n) FROM new_rows GROUP BY 1, 2, 3, 4
  ON CONFLICT (owner_id, queue, kind, state) DO UPDATE SET n = t.n + EXCLUDED.n;
  RETURN NULL;
END $$;
""",
    """
CREATE FUNCTION task_counts_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO task_totals AS t (owner_id, queue, kind, state, n)
  SELECT owner_id, queue, kind, state, sum(n)
  FROM (SELECT owner_id, queue, kind, state, n FROM new_rows
        UNION ALL SELECT owner_id, queue, kind, state, -n FROM old_rows) AS changes
  GROUP BY 1, 2, 3, 4 HAVING sum(n) <> 0
  ON CONFLICT (owner_id, queue, kind, state) DO UPDATE SET n = t.n + EXCLUDED.n;
  RETURN NULL;
END $$;
""",
    """
CREATE TRIGGER task_counts_add AFTER INSERT ON task_counts REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION task_counts_add();
""",
    """
CREATE TRIGGER task_counts_change AFTER UPDATE ON task_counts
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION task_counts_change();
""",
)


def upgrade() -> None:
    op.create_table(
        "task_totals",
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
    )
    op.create_index(
        "task_totals_key",
        "task_totals",
        ["owner_id", "queue", "kind", "state"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    # Nobody folds between the look at the counts and the triggers.
    op.execute("LOCK TABLE task_counts IN SHARE ROW EXCLUSIVE MODE")
    op.execute(
        "INSERT INTO task_totals (owner_id, queue, kind, state, n)"
        " SELECT owner_id, queue, kind, state, sum(n) FROM task_counts GROUP BY 1, 2, 3, 4"
    )
    for statement in TRIGGERS:
        op.execute(statement)
    op.create_index("tasks_created_idx", "tasks", [sa.text("created_at DESC"), sa.text("id DESC")])
    op.create_index("tasks_waiting_idx", "tasks", ["queue", "queued_at"], postgresql_where=sa.text("state = 'queued'"))


def downgrade() -> None:
    op.drop_index("tasks_waiting_idx", table_name="tasks")
    op.drop_index("tasks_created_idx", table_name="tasks")
    op.execute("DROP FUNCTION task_counts_add() CASCADE")
    op.execute("DROP FUNCTION task_counts_change() CASCADE")
    op.drop_table("task_totals")
