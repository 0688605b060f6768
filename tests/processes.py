"""Real processes for tests: web server, arq worker; and a Valkey of one's own to stop. Ended by their id."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from tests.servers import Servers

ROOT = Path(__file__).parents[1]
# Seconds after which what must come is given up: on a busy machine a process may take half a minute to start.
PATIENCE = 90.0


def environment(servers: Servers, data_dir: Path, **more: str) -> dict[str, str]:
    """What a process of this test sees: nothing of the developer's own settings."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": servers.database_url,
        "REDIS_URL": servers.redis_url,
        "SECRET_KEY": "a-key-for-tests-only-0123456789abcdef",
        "DATA_DIR": str(data_dir),
        "KINDS": "tests.chaos.kinds",
        "RATE_LIMIT_MAX": "100000",
        "APPROVAL_UNDO": "0",
        **more,
    }


class Process:
    """A child with its output in a file."""

    def __init__(self, log: Path, environ: Mapping[str, str], *command: str) -> None:
        self.log = log
        self._file = log.open("ab")
        self._child = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def alive(self) -> bool:
        return self._child.poll() is None

    def send(self, number: signal.Signals) -> None:
        if self.alive:
            self._child.send_signal(number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self._child.wait()
        self._file.close()

    def stop(self, seconds: float = PATIENCE) -> int:
        """SIGTERM; the exit status."""
        self.send(signal.SIGTERM)
        return self.ended(seconds)

    def ended(self, seconds: float = PATIENCE) -> int:
        """The exit status, once it has ended."""
        try:
            return self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it did not stop: {self.said()[-2000:]}") from None
        finally:
            self._file.close()

    def said(self) -> str:
        return self.log.read_text(errors="replace")


@contextmanager
def worker(environ: Mapping[str, str], log: Path) -> Iterator[Process]:
    """An arq worker; killed at the end if the test has not stopped it."""
    process = Process(log, environ, "arq", "holdgate.worker.WorkerSettings")
    try:
        yield process
    finally:
        process.kill()


@contextmanager
def web(environ: Mapping[str, str], log: Path, port: int, *, by_command: bool = False) -> Iterator[Process]:
    """A web server that answers; `by_command`: started as `holdgate web` does, which bounds connections."""
    plain = (
        "uvicorn",
        "--factory",
        "holdgate.asgi:create",
        "--port",
        str(port),
        "--no-access-log",
        "--no-server-header",
    )
    command = ("holdgate.cli", "web", "--host", "127.0.0.1") if by_command else plain
    process = Process(log, {**environ, "PORT": str(port)}, *command)
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with urlopen(f"http://127.0.0.1:{port}/livez", timeout=5):
                    break
            except (URLError, OSError):
                assert process.alive, process.said()
                assert time.monotonic() < deadline, process.said()
                time.sleep(0.05)
        yield process
    finally:
        process.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def starts_within(
    cpu_seconds: float, command: Sequence[str | Path], environ: Mapping[str, str], *, status: int = 0
) -> bool:
    """Whether it runs to its end with so little processor time. On a machine that is busy the same takes half as much
    again, so the best of several is what counts."""
    for _ in range(15):
        child = subprocess.Popen(
            command, env=dict(environ), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, ended, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(ended)
        assert child.returncode == status
        if used.ru_utime + used.ru_stime < cpu_seconds:
            return True
    return False
