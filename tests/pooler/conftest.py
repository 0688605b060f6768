"""A real PgBouncer in transaction mode, in front of the PostgreSQL of the tests."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import make_url

from holdgate.embedded.processes import unprivileged
from tests.processes import free_port

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without PgBouncer, leave these out and say so; in CI that is a failure."""
    mine = [item for item in items if HERE in item.path.parents]
    if mine and PROGRAM is None:
        if os.environ.get("CI"):
            pytest.exit("CI needs pgbouncer for tests/pooler.", returncode=1)
        config.hook.pytest_deselected(items=mine)
        items[:] = [item for item in items if item not in mine]


@contextmanager
def pgbouncer(database_url: str, place: Path, **more: str) -> Iterator[str]:
    """Its URL. Three connections to the server, and a transaction gets each in turn: whatever leans on having the same
    one again falls."""
    assert PROGRAM is not None
    url, port = make_url(database_url), free_port()
    server = {"host": url.query.get("host") or url.host, "port": url.port or 5432}
    if url.password:
        server["password"] = url.password
    users = place / "users.txt"
    users.write_text(f'"{url.username}" ""\n')
    settings = {
        "listen_addr": "127.0.0.1",
        "listen_port": port,
        "unix_socket_dir": "",
        "auth_type": "trust",
        "auth_file": users,
        "pool_mode": "transaction",
        "default_pool_size": 3,
        "server_round_robin": 1,
        "max_client_conn": 200,
        **more,
    }
    lines = ["[databases]", "* = " + " ".join(f"{key}={value}" for key, value in server.items()), "[pgbouncer]"]
    (place / "pgbouncer.ini").write_text("\n".join([*lines, *(f"{key} = {value}" for key, value in settings.items())]))
    account = unprivileged()
    log = (place / "pgbouncer.log").open("w")
    child = subprocess.Popen(
        [PROGRAM, str(place / "pgbouncer.ini")],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        user=account.uid if os.geteuid() == 0 else None,
        group=account.gid if os.geteuid() == 0 else None,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 10
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            assert child.poll() is None and time.monotonic() < deadline, (place / "pgbouncer.log").read_text()
            time.sleep(0.02)
        yield f"postgresql+asyncpg://{url.username}@127.0.0.1:{port}/{url.database}"
    finally:
        child.terminate()
        child.wait()
        log.close()


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that PgBouncer's user reaches, too."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="holdgate-pooler-") as made:
        Path(made).chmod(0o755)
        yield Path(made)
