"""Outages of the servers behind this process, told by a few lines: one when a server goes, one when it is back, and
each minute in between one that counts.

Whoever finds it away says so, as often as it likes; so does whoever has got an answer. That is known for the whole
process: a worker asks by a dozen ways, and each would tell of the same thing.
"""

import threading
import time
import traceback

from holdgate.core.telemetry import log

REMIND = 60.0  # seconds between two lines while it is away
QUIET = 5.0  # seconds without a failure after which an answer means that it is back: some ways fail before others

logger = log.get("holdgate.outage")


class Outage:
    """Whether one server is away, as this process knows it. Its methods may be called in any thread."""

    def __init__(self, server: str, means: str) -> None:
        self._server, self._means = server, means
        self._lock = threading.Lock()
        self._since = self._failed = self._told = 0.0
        self._count = 0

    def failed(self, what: str, error: BaseException) -> None:
        """It was asked for `what`, and was not there."""
        now = time.monotonic()
        with self._lock:
            self._failed, self._count = now, self._count + 1
            first, due = not self._since, now - self._told >= REMIND
            if first:
                self._since = now
            if not (first or due):
                return
            self._told, count, seconds = now, self._count, round(now - self._since, 1)
        if first:
            logger.warning("server_away", server=self._server, asked=what, error=in_a_line(error), means=self._means)
        else:
            logger.warning(
                "server_still_away", server=self._server, seconds=seconds, failures=count, error=in_a_line(error)
            )

    def answered(self) -> None:
        """It has answered. Costs nothing while it is there."""
        if not self._since:
            return
        with self._lock:
            now = time.monotonic()
            if not self._since or now - self._failed < QUIET:
                return
            seconds, count = round(now - self._since, 1), self._count
            self._since, self._count = 0.0, 0
        logger.warning("server_back", server=self._server, seconds=seconds, failures=count)


DATABASE = Outage("PostgreSQL", "Work and pages wait and go on by themselves. Look at the server and at DATABASE_URL.")
REDIS = Outage("Redis", "Work starts within a second instead of at once. Look at the server and at REDIS_URL.")


def in_a_line(error: BaseException) -> str:
    """The type of an error and what it says, without the statement that SQLAlchemy adds; of one that it wraps, that."""
    inner = getattr(error, "orig", None) or error
    inner = inner.__cause__ if type(inner).__module__.startswith("sqlalchemy") and inner.__cause__ else inner
    says = " ".join(str(inner).split())[:300]
    return f"{type(inner).__name__}: {says}" if says else type(inner).__name__


def place(error: BaseException) -> str:
    """Where it arose: the innermost line of a file that is no installed package's."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename]
    return f"{own[-1].filename}:{own[-1].lineno}" if own else ""
