"""The functions, views and triggers of the database as they are now: migrations/sql, one file for each."""

from pathlib import Path

from alembic import op

HOME = Path(__file__).parent / "sql"


def files() -> list[Path]:
    """In the order in which they can be created: functions before the triggers that call them."""
    return [path for folder in ("functions", "views", "triggers") for path in sorted((HOME / folder).glob("*.sql"))]


def create() -> None:
    """All of them, in the schema that the connection's search_path names. Bodies are looked at when they first run."""
    op.execute("SET LOCAL check_function_bodies = off")
    for path in files():
        # As it stands: colons and percent signs are no parameters.
        op.get_bind().exec_driver_sql(path.read_text())
