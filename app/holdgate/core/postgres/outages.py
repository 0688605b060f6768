"""Which errors mean that the database is away, and how long who has work in hand goes on asking."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError, SQLAlchemyError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from holdgate.core.telemetry import log
from holdgate.core.telemetry.outage import DATABASE, in_a_line, place

INSIST_SECONDS = 60.0  # how long a task that has work in hand asks a database that is away

R = TypeVar("R")

logger = log.get("holdgate.database")

# What a statement may raise while the server is away; also other things, see `is_away`. asyncpg's own errors come
# through where SQLAlchemy sets up a connection that is cut at that moment.
AWAY = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
# SQLSTATE classes: connection exception, insufficient resources, operator intervention (starting, shutting down).
_AWAY_STATES = ("08", "53", "57")
_REFUSED = ("22", "23", "54")


def is_away(error: Exception) -> bool:
    """Whether the database could not be asked, so that asking again later can help; not an error of the statement."""
    if isinstance(error, DBAPIError):
        lost = error.connection_invalidated or isinstance(error, InterfaceError)
        return lost or sqlstate(error)[:2] in _AWAY_STATES
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate)[:2] in _AWAY_STATES
    if isinstance(error, FileNotFoundError):
        return error.filename is None  # the unix socket is gone; a missing file has a name
    return isinstance(error, asyncpg.InterfaceError | PoolTimeout | ConnectionError | TimeoutError)


def tell(event: str, error: Exception, **fields: object) -> None:
    """A failure of what is done again anyway, as a line of the log; of a server that is away there are few."""
    if is_away(error):
        DATABASE.failed(event, error)
    else:
        logger.warning(event, error=in_a_line(error), where=place(error), **fields)


def refuses_data(error: BaseException) -> bool:
    """Whether the data is at fault (classes 22 and 23; 54: too large) and not the connection or a deadlock."""
    if isinstance(error, DBAPIError):
        return sqlstate(error)[:2] in _REFUSED
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate)[:2] in _REFUSED
    return isinstance(error, StatementError)  # it did not get as far as the driver


def in_words(error: BaseException) -> str | None:
    """An error of the database for people, who do not read SQL. None: it is another error."""
    if not isinstance(error, SQLAlchemyError | asyncpg.PostgresError | asyncpg.InterfaceError):
        return None
    if is_away(error):
        return "The database could not be reached. Trying again may help."
    state = sqlstate(error) if isinstance(error, DBAPIError) else str(getattr(error, "sqlstate", None) or "")
    code = f" (SQLSTATE {state})" if state else ""
    return f"The database refused a statement{code}. The traceback says which."


def sqlstate(error: DBAPIError) -> str:
    """PostgreSQL's five-letter code, or nothing."""
    return str(getattr(error.orig, "sqlstate", None) or "")


async def insist(
    work: Callable[[], Awaitable[R]],
    *,
    before: Callable[[], Awaitable[R | None]] | None = None,
    tell: Callable[[Exception], None] = lambda error: None,
) -> R:
    """Do `work` again and again while the database is away, for about a minute.

    Args:
        before: is awaited before `work` is done again. A connection lost during a commit leaves open whether it
            counted; what this finds, unless None, is the result.
        tell: is told the first failure; the last is raised.
    """
    ends, pause, again = time.monotonic() + INSIST_SECONDS, 0.05, False
    while True:
        try:
            if again and before is not None and (found := await before()) is not None:
                return found
            return await work()
        except Exception as error:
            if not is_away(error) or time.monotonic() + pause > ends:
                raise
            if not again:
                tell(error)
        await asyncio.sleep(pause)
        pause, again = min(2 * pause, 2.0), True
