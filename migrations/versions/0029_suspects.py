"""Tasks whose worker was lost, which are claimed apart, by an index."""

from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS tasks_suspects_idx")
        op.execute(
            "CREATE INDEX CONCURRENTLY tasks_suspects_idx ON tasks (queue, priority DESC, position)"
            " WHERE state = 'queued' AND lease_losses > 0"
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS tasks_suspects_idx")
