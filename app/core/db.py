"""The connection to PostgreSQL: read and write sessions, and the one place where transactions commit.

A `WriteSession` names its actor to the database, whose triggers write it into the event log. What should be
told to other processes after the commit (doorbells) is noted with `announce` and goes out only if it commits.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg
from sqlalchemy import MetaData, bindparam, func, select
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.exc import DBAPIError, InterfaceError, SQLAlchemyError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import UserDefinedType

from app.core import log, tracing

REPLICA_PATIENCE = 30.0  # seconds in which a replica that did not answer is not asked again

logger = log.get(__name__)

Announce = Callable[[frozenset[str]], Awaitable[None]]


class Base(DeclarativeBase):
    """The parent of every mapped table. Names of constraints follow one pattern, so migrations can say them."""

    metadata = MetaData(
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "fk": "%(table_name)s_%(column_0_name)s_fkey",
            "uq": "%(table_name)s_%(column_0_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s_check",
            "ix": "%(table_name)s_%(column_0_name)s_idx",
        }
    )


# Of a time in SQL: that Python can read it. Beyond are infinity and years of five digits.
READABLE = "BETWEEN '0001-01-02 00:00:00+00' AND '9999-12-30 00:00:00+00'"


class Xid8(UserDefinedType[str]):
    """PostgreSQL's 64-bit transaction id, as text."""

    cache_ok = True

    def get_col_spec(self, **_kw: Any) -> str:
        return "xid8"


# So that reading the schema back knows the type, for the comparison of migrations and models.
ischema_names["xid8"] = Xid8


class ReadSession(AsyncSession):
    """A session in a READ ONLY transaction: PostgreSQL itself refuses a write."""


class WriteSession(AsyncSession):
    """A session whose transaction `Database.write` commits."""

    def announce(self, topic: str) -> None:
        """Tell other processes about `topic` once this transaction has committed."""
        self.info.setdefault("topics", set()).add(topic)


Session = ReadSession | WriteSession


# What a statement may raise while the server is away; also other things, see `is_away`. asyncpg's own errors come
# through where SQLAlchemy sets up a connection that is cut at that moment.
AWAY = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
# SQLSTATE classes: connection exception, insufficient resources, operator intervention (starting, shutting down).
_AWAY_STATES = ("08", "53", "57")


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


def refuses_data(error: BaseException) -> bool:
    """Whether the data is at fault (classes 22 and 23; 54: too large) and not the connection or a deadlock."""
    if isinstance(error, DBAPIError):
        return sqlstate(error)[:2] in ("22", "23", "54")
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


_TRACE = select(func.set_config("holdpoint.traceparent", bindparam("parent"), True))
_IDLE_LIMIT = "idle_in_transaction_session_timeout"
# Every statement is short. The planner takes the few events behind a cursor for a third of the log, and would start
# parallel workers or compile the plan for them, which costs more than the statement.
_PLAIN = {"jit": "off", "max_parallel_workers_per_gather": "0"}
# What a pooler that hands out connections by the transaction takes at a connection's start; it refuses the rest.
_TAKEN_BY_POOLERS = frozenset({"application_name", "timezone"})


def make_engine(
    url: str, *, pooler: bool = False, settings: dict[str, str] | None = None, **options: Any
) -> AsyncEngine:
    """An engine on `url`, whose query (sslmode, sslrootcert, …) the driver reads as libpq does.

    Args:
        url: `postgresql+asyncpg://…`
        pooler: the URL leads to a PgBouncer in transaction mode. Each transaction may have another connection, so
            nothing is prepared under a name, and what else would belong to a session is left out.
        settings: the server's, for each connection.
        options: SQLAlchemy's.
    """
    given = {name: value for name, value in (settings or {}).items() if not pooler or name in _TAKEN_BY_POOLERS}
    dsn = connection_string(url)

    async def connect(*_: object, **__: object) -> Any:
        caching = {"statement_cache_size": 0} if pooler else {}
        return await asyncpg.connect(dsn, timeout=5, server_settings=given, **caching)

    caching = {"prepared_statement_cache_size": 0} if pooler else {}
    return create_async_engine(
        "postgresql+asyncpg://", connect_args={"async_creator_fn": connect, **caching}, hide_parameters=True, **options
    )


# What libpq knows and the driver does not, without loss: it would take them for settings of the server.
_LEFT_OUT = frozenset({"channel_binding", "connect_timeout", "gssencmode", "fallback_application_name"})


def connection_string(url: str) -> str:
    """The URL as the driver takes it."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    # `ssl` is the driver's own name, and what these URLs said before.
    kept = [("sslmode" if key == "ssl" else key, value) for key, value in query if key not in _LEFT_OUT]
    return urlunsplit(parts._replace(scheme="postgresql", query=urlencode(kept, safe="/")))


class Database:
    """An engine and the two kinds of session.

    Args:
        url, pooler: as of `make_engine`.
        idle_limit: how long a transaction may do nothing before the server ends it: a process that was stopped in
            the middle of one (SIGSTOP, a frozen machine) must not keep its locks.
        announce: is awaited after a commit with the announced topics; must not raise.
        replica: the URL of one that follows it, for `look_back`; empty: none.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        pool_size: int = 10,
        announce: Announce | None = None,
        idle_limit: timedelta = timedelta(seconds=30),
        pooler: bool = False,
        replica: str = "",
    ) -> None:
        idle = {_IDLE_LIMIT: str(int(idle_limit.total_seconds() * 1000))}
        options: dict[str, Any] = {
            "pooler": pooler,
            "settings": {"application_name": name, "timezone": "UTC", **_PLAIN, **idle},
            "pool_size": pool_size,
            "max_overflow": pool_size,
            "pool_pre_ping": False,
            "pool_timeout": 10,
        }
        self.engine = make_engine(url, **options)
        self._replica = make_engine(replica, **options) if replica else None
        self._replica_away_until = 0.0
        self._reading = self.engine.execution_options(postgresql_readonly=True)
        # Behind a pooler a statement is parsed and executed on one connection only within a transaction.
        self._glancing = self._reading if pooler else self.engine.execution_options(isolation_level="AUTOCOMMIT")
        # What a pooler does not let a connection begin with, each transaction that locks says for itself.
        said = [func.set_config(name, value, True) for name, value in idle.items() if pooler]
        self._opening = select(func.set_config("holdpoint.actor", bindparam("actor"), True), *said)
        self._announce = announce

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadSession]:
        async with ReadSession(self._reading, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def look_back(self, session: ReadSession | None = None) -> AsyncIterator[ReadSession]:
        """For what may be some seconds old (charts, exports): on the replica if there is one that answers, else
        `session`, or one of `read`."""
        async with AsyncExitStack() as stack:
            if (behind := await self._behind(stack)) is not None:
                yield behind
            elif session is not None:
                yield session
            else:
                yield await stack.enter_async_context(self.read())

    async def _behind(self, stack: AsyncExitStack) -> ReadSession | None:
        """A session on the replica. None: there is none, or it is away, and then for a while it is not asked again."""
        if self._replica is None or time.monotonic() < self._replica_away_until:
            return None
        engine = self._replica.execution_options(postgresql_readonly=True)
        session = await stack.enter_async_context(ReadSession(engine, expire_on_commit=False))
        try:
            await session.connection()
        except AWAY as error:
            self._replica_away_until = time.monotonic() + REPLICA_PATIENCE
            logger.warning("replica_away", error=repr(error))
            return None
        return session

    @asynccontextmanager
    async def glance(self) -> AsyncIterator[AsyncConnection]:
        """For a single statement that reads, asked again and again: no BEGIN and ROLLBACK around it."""
        async with self._glancing.connect() as connection:
            yield connection

    @asynccontextmanager
    async def peek(self) -> AsyncIterator[ReadSession]:
        """As `read` for one statement alone, without a BEGIN and ROLLBACK around it."""
        async with ReadSession(self._glancing, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def write(self, actor: str) -> AsyncIterator[WriteSession]:
        """One transaction: commits when the block ends, rolls back when it raises.

        Args:
            actor: who does it, as the event log names it: `user:…`, `worker:…`, `recipient:…`, `system`.
        """
        async with WriteSession(self.engine, expire_on_commit=False) as session:
            await session.execute(self._opening, {"actor": actor})
            if parent := tracing.traceparent():  # tasks that it inserts belong to the trace
                await session.execute(_TRACE, {"parent": parent})
            yield session
            await session.commit()
            topics: set[str] = session.info.pop("topics", set())
        if topics and self._announce is not None:
            await self._announce(frozenset(topics))

    async def dispose(self) -> None:
        await self.engine.dispose()
        if self._replica is not None:
            await self._replica.dispose()
