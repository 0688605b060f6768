"""How many open dead letters there are of each error, and how many tasks are tried again after it, without counting."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

# One statement of many tasks adds one row an error; the sweeper adds those of one error up (app/holdgate/tasks/dead_letters.py).
_OPEN = "fingerprint IS NOT NULL AND resolved_at IS NULL AND state IN ('dead_letter', 'retrying', 'queued', 'running')"
TRIGGERS = (
    f"""
CREATE FUNCTION tasks_errors_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO error_counts (owner_id, fingerprint, dead, n)
  SELECT owner_id, fingerprint, dead, sum(n)
  FROM (SELECT owner_id, fingerprint, state = 'dead_letter' AS dead, 1 AS n FROM new_rows WHERE {_OPEN}
        UNION ALL SELECT owner_id, fingerprint, state = 'dead_letter', -1 FROM old_rows WHERE {_OPEN}) AS changes
  GROUP BY 1, 2, 3 HAVING sum(n) <> 0;
  RETURN NULL;
END $$;
""",
    f"""
CREATE FUNCTION tasks_errors_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO error_counts (owner_id, fingerprint, dead, n)
  SELECT owner_id, fingerprint, state = 'dead_letter', -count(*) FROM old_rows WHERE {_OPEN} GROUP BY 1, 2, 3;
  RETURN NULL;
END $$;
""",
    """
CREATE TRIGGER tasks_errors_change AFTER UPDATE ON tasks REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION tasks_errors_change();
""",
    """
CREATE TRIGGER tasks_errors_delete AFTER DELETE ON tasks REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION tasks_errors_delete();
""",
)


def upgrade() -> None:
    op.create_table(
        "error_counts",
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("dead", sa.Boolean(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
    )
    op.create_index("error_counts_owner_idx", "error_counts", ["owner_id"])
    # The triggers lock the tasks against changes until this is committed; the index of open errors is all that is read.
    for statement in TRIGGERS:
        op.execute(statement)
    op.execute(
        "INSERT INTO error_counts (owner_id, fingerprint, dead, n)"
        f" SELECT owner_id, fingerprint, state = 'dead_letter', count(*) FROM tasks WHERE {_OPEN} GROUP BY 1, 2, 3"
    )


def downgrade() -> None:
    for function in ("tasks_errors_change()", "tasks_errors_delete()"):
        op.execute(f"DROP FUNCTION {function} CASCADE")
    op.drop_table("error_counts")
