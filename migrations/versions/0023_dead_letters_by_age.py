"""The first and the last dead letter of an error, everybody's and one owner's, by an index."""

from alembic import op

revision = "0023"
down_revision = "0022"

_DEAD = "WHERE state = 'dead_letter' AND fingerprint IS NOT NULL AND resolved_at IS NULL"
INDEXES = {
    "tasks_died_idx": f"(fingerprint, finished_at, id) {_DEAD}",
    "tasks_died_of_owner_idx": f"(owner_id, fingerprint, finished_at, id) {_DEAD}",
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, definition in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON tasks {definition}")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name in INDEXES:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
