"""How these tests look at a server from outside, without the code under test."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import redis

ROOT = Path(__file__).parents[2]


def sql(url: str, statement: str) -> object:
    """The first value of the result."""

    async def fetch() -> object:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(fetch())


@contextmanager
def endless_query(url: str) -> Iterator[int]:
    """The pid of a backend that computes until it is killed."""

    def run() -> None:
        with suppress(Exception):
            sql(url, "DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$")

    thread = threading.Thread(target=run)
    thread.start()
    busy = "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DO%'"
    eventually(lambda: sql(url, busy) is not None)
    pid = sql(url, busy)
    assert isinstance(pid, int)
    yield pid
    thread.join()


def postgres_pid(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])


def client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, decode_responses=True)


def valkey_pid(url: str) -> int:
    with client(url) as connection:
        return int(connection.info("server")["process_id"])


def gone(pid: int) -> bool:
    """A zombie is gone, too: it only waits for a parent that does not look."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state.startswith(("Z", "X"))


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"


def starter(module: str, data_dir: Path) -> subprocess.Popen[str]:
    """Another process that starts the server, prints its URL and ends."""
    code = (
        f"import pathlib, sys; from holdgate.embedded import {module} as m; print(m.start(pathlib.Path(sys.argv[1])))"
    )
    return subprocess.Popen([sys.executable, "-c", code, str(data_dir)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
