"""Makes the table `task_transitions` equal to the declaration in app/holdgate/tasks/states.py."""

import sqlalchemy as sa
from alembic import op

from holdgate.tasks.states import TASK_MACHINE

table = sa.table(
    "task_transitions",
    sa.column("from_state", sa.Text),
    sa.column("to_state", sa.Text),
    sa.column("verb", sa.Text),
    sa.column("usual", sa.Boolean),
)


def sync() -> None:
    """Call it in the migration of every change to the machine. Rows are only added before they are used."""
    usual = TASK_MACHINE.usual
    rows = [
        {"from_state": source, "to_state": target, "verb": verb, "usual": usual[source, target] == verb}
        for source, target, verb in TASK_MACHINE.edges()
    ]
    op.execute(sa.delete(table))
    op.bulk_insert(table, rows)
