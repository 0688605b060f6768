"""The connection to PostgreSQL: read and write sessions, and the one place where transactions commit.

A `WriteSession` names its actor to the database, whose triggers write it into the event log. What should be
told to other processes after the commit (doorbells) is noted with `announce` and goes out only if it commits.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
from sqlalchemy import MetaData, bindparam, func, select
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.exc import DBAPIError, InterfaceError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import UserDefinedType

from app.core import tracing

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


def sqlstate(error: DBAPIError) -> str:
    """PostgreSQL's five-letter code, or nothing."""
    return str(getattr(error.orig, "sqlstate", None) or "")


_ACTOR = select(func.set_config("holdpoint.actor", bindparam("actor"), True))
_TRACE = select(func.set_config("holdpoint.traceparent", bindparam("parent"), True))


class Database:
    """An engine and the two kinds of session.

    Args:
        url: `postgresql+asyncpg://…`
        idle_limit: how long a transaction may do nothing before the server ends it: a process that was stopped in
            the middle of one (SIGSTOP, a frozen machine) must not keep its locks.
        announce: is awaited after a commit with the announced topics; must not raise.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        pool_size: int = 10,
        announce: Announce | None = None,
        idle_limit: timedelta = timedelta(seconds=30),
    ) -> None:
        self.engine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_pre_ping=False,
            pool_timeout=10,
            hide_parameters=True,
            connect_args={
                "timeout": 5,
                "server_settings": {
                    "application_name": name,
                    "timezone": "UTC",
                    "idle_in_transaction_session_timeout": str(int(idle_limit.total_seconds() * 1000)),
                },
            },
        )
        self._reading = self.engine.execution_options(postgresql_readonly=True)
        self._glancing = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._announce = announce

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadSession]:
        async with ReadSession(self._reading, expire_on_commit=False) as session:
            yield session

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
            await session.execute(_ACTOR, {"actor": actor})
            if parent := tracing.traceparent():  # tasks that it inserts belong to the trace
                await session.execute(_TRACE, {"parent": parent})
            yield session
            await session.commit()
            topics: set[str] = session.info.pop("topics", set())
        if topics and self._announce is not None:
            await self._announce(frozenset(topics))

    async def dispose(self) -> None:
        await self.engine.dispose()
