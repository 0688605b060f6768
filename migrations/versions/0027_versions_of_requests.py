"""A decision counts for the version it was made for: what was asked again, or whose payload has changed, is withdrawn."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"

contract = (
    "0.2.0: a step may ask several versions in one round; the release before inserts one, and looks up the newest"
)

FUNCTION = """
-- Whatever was decided or is being decided was shown the payload as it was, so none of it counts for another one.
CREATE FUNCTION approvals_withdraw() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE approvals SET withdrawn_at = now() WHERE task_id = NEW.id AND withdrawn_at IS NULL;
  RETURN NULL;
END $$;
"""
TRIGGER = """
CREATE TRIGGER tasks_withdraw_approvals AFTER UPDATE OF payload ON tasks FOR EACH ROW
  WHEN (OLD.payload IS DISTINCT FROM NEW.payload) EXECUTE FUNCTION approvals_withdraw();
"""


def upgrade() -> None:
    op.add_column("approvals", sa.Column("withdrawn_at", sa.DateTime(timezone=True)))
    op.execute(FUNCTION)
    op.execute(TRIGGER)
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS approvals_step_idx")
        op.create_index("approvals_step_idx", "approvals", ["task_id", "step", "round"], postgresql_concurrently=True)
    op.drop_constraint("approvals_task_step_round_key", "approvals")


def downgrade() -> None:
    # As that release knows it: the newest of each round.
    op.execute(
        """
        DELETE FROM approvals a USING approvals b
        WHERE b.task_id = a.task_id AND b.step = a.step AND b.round = a.round AND (b.created_at, b.id) > (a.created_at, a.id)
        """
    )
    op.create_unique_constraint("approvals_task_step_round_key", "approvals", ["task_id", "step", "round"])
    op.drop_index("approvals_step_idx", table_name="approvals")
    op.execute("DROP FUNCTION approvals_withdraw CASCADE")
    op.drop_column("approvals", "withdrawn_at")
