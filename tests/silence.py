"""A way to a server that can be made silent, as a moved address, a NAT or a dead machine is: nothing comes, nothing
goes, and nothing is closed. In a thread of its own, so that it works while the test's loop is busy."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import make_url

READY = b"Z\0\0\0\5I"
_ENDED = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
ENDED = b"E" + (4 + len(_ENDED)).to_bytes(4, "big") + _ENDED
Reach: TypeAlias = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


class Wire:
    """One connection through the way."""

    def __init__(self, ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter]) -> None:
        self.ends = ends
        self.silent = False
        self.lost = False  # what comes next is the answer that must not arrive


class Way:
    """Made by `way_to`; every verb may be called from the test's thread and has happened when it returns."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._loop = asyncio.new_event_loop()
        self._wires: list[Wire] = []
        self._swallows_new = False
        self._refuses = False
        self._loses_commit = False
        self._ends_next = False
        self._last_word = b""
        self.taken = 0  # connections so far
        self.port = 0
        self._jobs: set[asyncio.Task[None]] = set()

    def swallow(self, *, new: bool = False) -> None:
        """What is open falls silent, in both directions.

        Args:
            new: what is opened from now on, too, until `let_through`.
        """

        def do() -> None:
            for wire in self._wires:
                wire.silent = True
            self._swallows_new = new

        self._do(do)

    def let_through(self) -> None:
        """New connections; what has fallen silent stays so."""
        self._do(lambda: setattr(self, "_swallows_new", False))

    def cut(self) -> None:
        """Every open connection is closed, both ends."""

        def do() -> None:
            for wire in self._wires:
                for end in wire.ends:
                    end.transport.abort()

        self._do(do)

    def refuse(self, refuses: bool) -> None:
        """As a server that is being restarted: everything is cut, and nothing let in until the opposite is said."""
        self._do(lambda: setattr(self, "_refuses", refuses))
        if refuses:
            self.cut()

    def lose_next_commit(self) -> None:
        """The next COMMIT reaches the server; instead of its answer the client sees its connection end."""
        self._do(lambda: setattr(self, "_loses_commit", True))

    def end_next(self) -> None:
        """The next client that is let in hears in the same breath that the server ends its connection."""
        self._do(lambda: setattr(self, "_ends_next", True))

    def swallow_from(self, word: bytes) -> None:
        """The next connection whose client's message begins so falls silent with it."""
        self._do(lambda: setattr(self, "_last_word", word))

    def lead_to(self, reach: "Reach") -> None:
        """An address that moves: new connections go elsewhere, the open ones stay."""
        self._do(lambda: setattr(self, "_reach", reach))

    def _do(self, work: Callable[[], Any]) -> None:
        async def run() -> None:
            work()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.taken += 1
        if self._refuses:
            writer.transport.abort()
            return
        if self._swallows_new:  # it is let in, as by a load balancer, and then nothing
            self._wires.append(wire := Wire((writer, writer)))
            wire.silent = True
            return
        with suppress(OSError):
            far_reader, far_writer = await self._reach()
            wire = Wire((writer, far_writer))
            self._wires.append(wire)
            for source, target in ((reader, far_writer), (far_reader, writer)):
                job = self._loop.create_task(self._carry(wire, source, target, asks=target is far_writer))
                self._jobs.add(job)
                job.add_done_callback(self._jobs.discard)
            return
        writer.close()

    async def _carry(
        self, wire: Wire, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, asks: bool
    ) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                if asks and self._last_word and data.startswith(self._last_word):
                    self._last_word, wire.silent = b"", True
                if wire.silent:
                    continue
                if asks and self._loses_commit and b"COMMIT;" in data:
                    self._loses_commit, wire.lost = False, True
                elif wire.lost and not asks:
                    for end in wire.ends:
                        end.transport.abort()
                    return
                if self._ends_next and not asks and data.endswith(READY):
                    self._ends_next, data = False, data + ENDED
                target.write(data)
                await target.drain()
        if not wire.silent:  # that one side has gone is not heard by the other
            target.close()

    async def _serve(self, ready: threading.Event) -> None:
        server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()

    @contextmanager
    def running(self) -> Iterator["Way"]:
        ready = threading.Event()
        self._loop.call_soon(lambda: self._jobs.add(self._loop.create_task(self._serve(ready))))
        thread = threading.Thread(target=self._loop.run_forever, name="silence", daemon=True)
        thread.start()
        assert ready.wait(10)
        try:
            yield self
        finally:
            self.cut()
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(10)


def reach(database_url: str) -> Reach:
    url = make_url(database_url)
    host, port = str(url.query.get("host") or url.host), url.port or 5432

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if host.startswith("/"):
            return await asyncio.open_unix_connection(str(Path(host) / f".s.PGSQL.{port}"))
        return await asyncio.open_connection(host, port)

    return connect


@contextmanager
def way_to(database_url: str) -> Iterator[tuple[Way, str]]:
    """A way to this PostgreSQL, and the URL by which one goes it."""
    url = make_url(database_url)
    with Way(reach(database_url)).running() as way:
        password = f":{url.password}" if url.password else ""
        yield way, f"postgresql+asyncpg://{url.username}{password}@127.0.0.1:{way.port}/{url.database}?sslmode=disable"


def tcp_options(wire: socket.socket) -> dict[str, int]:
    """What the kernel was told about a connection."""
    return {
        name: wire.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
        for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
    }
