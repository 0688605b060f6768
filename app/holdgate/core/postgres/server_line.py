"""What is known of all connections to one server: when it falls silent, and what it still holds of those given up."""

import asyncio
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakSet

import asyncpg

from holdgate.core.telemetry import log

if TYPE_CHECKING:
    from holdgate.core.postgres.connections import DatabaseConnection

ANSWER_SECONDS = 2.0  # in which a server that lives answers a cancellation and a goodbye
# A session that began later has only got the number of one that is over.
_END = """
    SELECT pg_terminate_backend(a.pid) FROM unnest($1::int[], $2::float8[]) AS given_up(pid, age)
    JOIN pg_stat_activity a ON a.pid = given_up.pid
    WHERE a.usename = current_user AND a.backend_start <= clock_timestamp() - make_interval(secs => given_up.age)
"""

logger = log.get(__name__)


class ServerLine:
    """The open connections to one server. When one of them gets no answer, neither do those unheard of since.

    They may belong to the event loops of several threads. A server that was not told of an end keeps what was given up,
    in the middle of a statement with its locks, for as long as its own network lets it: hours. So the next connection
    ends those sessions.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: WeakSet[DatabaseConnection] = WeakSet()
        self._parting: set[asyncio.Task[None]] = set()
        self._known = 0.0  # when it last was silent
        self._left_behind: dict[int, float] = {}  # sessions, and since when they are open

    def add(self, connection: "DatabaseConnection") -> None:
        connection.line = self
        with self._lock:
            self._open.add(connection)

    def part(self, connection: "DatabaseConnection") -> None:
        """Close it beside the work: cancel what it does, say goodbye, wait a little for the answer."""
        job = asyncio.get_running_loop().create_task(self._part(connection), name="goodbye")
        self._parting.add(job)
        job.add_done_callback(self._parting.discard)

    async def parted(self) -> None:
        """All goodbyes of this event loop are over; takes no longer than `ANSWER_SECONDS`."""
        here = asyncio.get_running_loop()
        await asyncio.gather(*(job for job in list(self._parting) if job.get_loop() is here), return_exceptions=True)

    async def _part(self, connection: "DatabaseConnection") -> None:
        asked = time.monotonic()
        # Less than the driver waits for the answer to a cancellation, before it gives up by itself.
        seconds = min(ANSWER_SECONDS, 0.8 * (connection.limit or ANSWER_SECONDS))
        try:
            await asyncpg.Connection.close(connection, timeout=seconds)
        except TimeoutError:
            self._leave_behind(connection)
            self._silent(asked)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            pass  # it is gone, which was wanted

    def _silent(self, asked: float) -> None:
        """Whoever waits on another connection would wait for nothing: let them try a new one now."""
        with self._lock:
            stale = [each for each in self._open if each.heard < asked and not each.is_closed()]
            known, self._known = self._known, time.monotonic()
        for each in stale:
            self._leave_behind(each)
            with suppress(RuntimeError):  # its loop is closed, and it with it
                each.loop.call_soon_threadsafe(each.terminate)
        if known < asked:  # else another one has said it meanwhile
            logger.warning("database_silent", others=len(stale))

    def _leave_behind(self, connection: "DatabaseConnection") -> None:
        with self._lock:
            self._left_behind[connection.session] = connection.opened

    async def end_left_behind(self, connection: "DatabaseConnection") -> None:
        """End the sessions of connections that were given up, by one that works."""
        with self._lock:
            left, self._left_behind = self._left_behind, {}
        if not left:
            return
        now = time.monotonic()
        ages = [now - opened for opened in left.values()]
        try:
            await connection.execute(_END, list(left), ages, timeout=ANSWER_SECONDS)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            logger.warning("sessions_left_behind", sessions=len(left), error=repr(error))
