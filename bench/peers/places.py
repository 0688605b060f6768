"""Where it is measured: the servers, a database for each queue, the peers' environment, child processes."""

import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
from redis.asyncio import Redis

from holdgate.embedded import postgres, valkey

ROOT = Path(__file__).parents[2]
HOME = Path(os.environ.get("BENCH_HOME", ".holdgate/bench"))  # another one: for two runs at the same time
PEERS = Path(".holdgate/bench/peers")
OWN = ("holdgate", "holdgate_stock", "bare", "arq")  # these find what they need in our environment
GONE = (FileNotFoundError, ProcessLookupError)  # a process that ends while it is looked at: before its file, or in it
REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def interpreter(peer: str) -> Path:
    """Python of the environment in which the peer is installed; it is made at the first time."""
    if peer in OWN:
        return Path(sys.executable)
    python, ready = PEERS / "bin" / "python", PEERS / "ready"
    if not ready.exists() or ready.stat().st_mtime < REQUIREMENTS.stat().st_mtime:
        print("Installing the other queues (once) …", flush=True)
        venv.create(PEERS, with_pip=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS]
        subprocess.run(install, check=True)
        ready.touch()
    return python.absolute()


class Cost(NamedTuple):
    """What PostgreSQL has used so far: processor seconds of its processes, bytes of WAL."""

    seconds: float
    wal: float


class Place:
    """The servers of one run."""

    def __init__(self, url: str, redis: str) -> None:
        self._url = url.replace("+asyncpg", "")
        self.redis = redis

    def url(self, peer: str) -> str:
        return self._url.replace("@/holdgate?", f"@/bench_{peer}?")

    async def _ask(self, statement: str, url: str = "") -> Any:
        connection = await asyncpg.connect(url or self._url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    async def make(self, peer: str) -> dict[str, str]:
        """Its tables, as a template; returns its version and settings."""
        await self._ask(f"DROP DATABASE IF EXISTS bench_{peer}_new WITH (FORCE)")
        await self._ask(f"CREATE DATABASE bench_{peer}_new")
        done = subprocess.run(
            command(peer, "install"), env=self.environ(f"{peer}_new"), check=True, stdout=subprocess.PIPE
        )
        about: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
        return about

    async def empty(self, peer: str) -> None:
        """As it was made; nothing of what was before is still being written."""
        await self.copy(f"{peer}_new", peer)

    async def copy(self, name: str, to: str) -> None:
        """The database of one name as another's, which is new; and Redis empty."""
        await self._ask(f"DROP DATABASE IF EXISTS bench_{to} WITH (FORCE)")
        await self._ask(f"CREATE DATABASE bench_{to} TEMPLATE bench_{name}")
        client = Redis.from_url(self.redis)
        await client.flushall()
        await client.aclose()
        await self._ask("CHECKPOINT")

    async def settle(self, peer: str) -> None:
        """As autovacuum would leave it."""
        await self._ask("VACUUM ANALYZE", self.url(peer))

    async def cost(self) -> Cost:
        wal = await self._ask("SELECT CAST(pg_current_wal_insert_lsn() - '0/0' AS float8)")
        parent = int((HOME / "postgres" / "postmaster.pid").read_text().split()[0])
        return Cost(sum(map(_seconds, _children(parent))), wal)

    def environ(self, peer: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}
        about = {"BENCH_DATABASE": self.url(peer), "BENCH_REDIS": self.redis, "PYTHONPATH": str(ROOT)}
        return {**kept, **about, "DATA_DIR": str(HOME.absolute())}

    async def about_server(self) -> str:
        names = ("server_version", "shared_buffers", "fsync", "synchronous_commit")
        return ", ".join([f"{name} {await self._ask(f'SHOW {name}')}" for name in names])


def command(peer: str, *arguments: str) -> list[str]:
    return [str(interpreter(peer)), "-m", f"bench.peers.programs.{peer}", *arguments]


def _children(parent: int) -> Iterator[int]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(path.read_text().rpartition(")")[2].split()[1]) == parent:
                yield int(path.parent.name)
        except GONE:
            continue


def _seconds(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except GONE:
        return 0.0


@contextmanager
def place() -> Iterator[Place]:
    """Started here, at the settings of `make run`: durable, everything else as PostgreSQL comes."""
    url, redis = postgres.start(HOME), valkey.start(HOME)
    try:
        yield Place(url, redis)
    finally:
        postgres.stop(HOME)
        valkey.stop(HOME)


class Worker:
    """One worker process of a peer. `end` returns what its handlers noted."""

    def __init__(self, peer: str, environ: Mapping[str, str]) -> None:
        self._report = Path(tempfile.mkstemp(prefix="bench-")[1])
        self._log = (HOME / f"{peer}.log").open("ab")
        self._child = subprocess.Popen(
            command(peer, "work", str(self._report)),
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
        )

    def end(self) -> dict[str, Any]:
        assert self._child.stdin is not None
        try:
            self._child.stdin.close()
            self._child.wait(30)
            told: dict[str, Any] = json.loads(self._report.read_text())
            return told
        finally:
            self._child.kill()
            self._child.wait()
            self._log.close()
            self._report.unlink()


class Client:
    """The process that enqueues for a peer."""

    def __init__(self, peer: str, environ: Mapping[str, str]) -> None:
        self._log = (HOME / f"{peer}.log").open("ab")
        self._child = subprocess.Popen(
            command(peer, "client"),
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def order(self, name: str, number: int) -> float:
        """What the client measured."""
        assert self._child.stdin is not None and self._child.stdout is not None
        self._child.stdin.write(json.dumps([name, number]) + "\n")
        self._child.stdin.flush()
        while line := self._child.stdout.readline():
            if line[:1].isdigit():  # some libraries print there, too
                return float(line)
        raise RuntimeError(f"the client has ended; {self._log.name} says why")

    def end(self) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        ends = time.monotonic() + 5
        while self._child.poll() is None and time.monotonic() < ends:
            time.sleep(0.01)
        self._child.kill()
        self._child.wait()
        self._log.close()
