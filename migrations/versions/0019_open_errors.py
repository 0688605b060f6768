"""An index of the errors that nobody has dealt with: resolved ones are many, and need not be walked over to count those."""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS tasks_open_errors_idx")
        op.execute(
            "CREATE INDEX CONCURRENTLY tasks_open_errors_idx ON tasks (fingerprint, created_at DESC, id DESC)"
            " INCLUDE (state, owner_id, finished_at) WHERE fingerprint IS NOT NULL AND resolved_at IS NULL"
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS tasks_open_errors_idx")
