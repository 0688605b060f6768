"""What is known of migrations without Alembic: the newest, and how patient one is. The command line and a web server
ask, and do not load it."""

from pathlib import Path

from holdgate.core.paths import MIGRATIONS

LOCK_TIMEOUT = 5.0  # seconds that one attempt waits for a lock
TIMEOUT = 600.0  # seconds in which it tries again


def head(migrations: Path = MIGRATIONS) -> str:
    """The newest. Revisions are numbers of four digits, so they compare as text, and files are called by them."""
    return max(path.name[:4] for path in (migrations / "versions").glob("[0-9][0-9][0-9][0-9]_*.py"))
