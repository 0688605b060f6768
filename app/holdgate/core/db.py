"""The connection to PostgreSQL: read and write sessions, and the one place where transactions commit.

A `WriteSession` names its actor to the database, whose triggers write it into the event log. What should be
told to other processes after the commit (doorbells) is noted with `announce` and goes out only if it commits.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from datetime import timedelta
from functools import partial
from typing import Any
from weakref import WeakSet

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.pool import NullPool

from holdgate.core.postgres.connections import (
    CONNECT_SECONDS,
    DatabaseConnection,
    connector,
    in_schema,
    make_engine,
)
from holdgate.core.postgres.direct import Direct
from holdgate.core.postgres.outages import AWAY, insist, tell
from holdgate.core.postgres.server_line import ServerLine
from holdgate.core.telemetry import log, tracing
from holdgate.core.telemetry.outage import DATABASE, in_a_line

REPLICA_PATIENCE = 30.0  # seconds in which a replica that did not answer is not asked again
REPLICA_SECONDS = 2.0  # in which it has to say that it is there
LIMIT = timedelta(seconds=30)  # of one statement, unless its purpose asks for less or more
LONG = timedelta(minutes=10)  # of one that reads whole tables: checks, recounts
PLACE_SECONDS = 5.0  # to wait for a connection when all are in use
NOTE_SECONDS = 1.0  # that a request waits for what is only noted on its way
LOOKING_BACK = 2  # connections that exports have to themselves, and as many again for a while

logger = log.get(__name__)

Announce = Callable[[frozenset[str]], Awaitable[None]]


class ReadSession(AsyncSession):
    """A session in a READ ONLY transaction: PostgreSQL itself refuses a write."""


class WriteSession(AsyncSession):
    """A session whose transaction `Database.write` commits."""

    def announce(self, topic: str) -> None:
        """Tell other processes about `topic` once this transaction has committed."""
        self.info.setdefault("topics", set()).add(topic)


Session = ReadSession | WriteSession


def said(session: WriteSession) -> dict[str, str | None]:
    """Who writes and in which trace, for a statement that is a transaction of its own (`Database.write_one`) and says
    it to the event log itself. None: the transaction has said it."""
    return {"actor": None, "traceparent": None, **session.info.get("said", {})}


def _setting(name: str, value: str, *, local: bool = True) -> str:
    """The statement that makes a setting; `local`: for one transaction."""
    return f"SELECT set_config({_literal(name)}, {_literal(value)}, {'true' if local else 'false'})"


def _literal(text: str) -> str:
    """As a value in a statement that takes no parameters, whatever `standard_conforming_strings` is."""
    quoted = text.replace("'", "''")
    return f"'{quoted}'" if "\\" not in quoted else "E'" + quoted.replace("\\", "\\\\") + "'"


def _tell_away(error: Exception) -> None:
    tell("database_awaited", error)


_IDLE_LIMIT = "idle_in_transaction_session_timeout"
# Every statement is short. The planner takes the few events behind a cursor for a third of the log, and would start
# parallel workers or compile the plan for them, which costs more than the statement.
_PLAIN = {"jit": "off", "max_parallel_workers_per_gather": "0"}


class Database:
    """An engine and the two kinds of session.

    Args:
        url, pooler: as of `connector`.
        idle_limit: how long a transaction may do nothing before the server ends it: a process that was stopped in
            the middle of one (SIGSTOP, a frozen machine) must not keep its locks.
        announce: is awaited after a commit with the announced topics; must not raise.
        replica: the URL of one that follows it, for `read_replica`; empty: none.
        limit: how long one statement may take. Then its connection is taken for dead, and is replaced.
        patient: for who has work in hand. It never opens more than `pool_size` connections; to wait for one of them is
            no error, however long it takes; and a session that cannot be opened is tried for again.
        more: connections beyond `pool_size` that it opens while all are in use; None: as many again.
        line: where all connections to the server are known; None: only this one's.
        keep: whether connections stay open between transactions. False: for one that is used from several event loops.
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
        limit: timedelta = LIMIT,
        patient: bool = False,
        more: int | None = None,
        line: ServerLine | None = None,
        keep: bool = True,
    ) -> None:
        idle = {_IDLE_LIMIT: str(int(idle_limit.total_seconds() * 1000))}
        about: dict[str, Any] = {
            "pooler": pooler,
            "settings": {"application_name": name, "timezone": "UTC", **_PLAIN, **idle},
        }
        options: dict[str, Any] = {"pooler": pooler}
        if keep:
            options["pool_size"] = pool_size
            options["max_overflow"] = 0 if patient else pool_size if more is None else more
            options["pool_timeout"] = PLACE_SECONDS
        else:
            options["poolclass"] = NullPool
        self._given: dict[str, Any] = {"name": name, "announce": announce, "idle_limit": idle_limit, "pooler": pooler}
        self.line = line or ServerLine()
        self._url, self._limit, self._pooler = url, limit, pooler
        # Without a line each connection is closed within the transaction's event loop, not beside it.
        self._connect = connector(url, limit=limit.total_seconds(), line=self.line if keep else None, **about)
        self.engine = make_engine(url, connect=self._connect, **options)
        self._replica_line, longer = ServerLine(), max(limit, LIMIT).total_seconds()
        self._replica: AsyncEngine | None = None
        if replica:
            behind = connector(replica, writes=False, limit=longer, line=self._replica_line, **about)
            self._replica = make_engine(replica, connect=behind, **options)
        self._replica_away_until = 0.0
        self._reading = self.engine.execution_options(postgresql_readonly=True)
        # Behind a pooler a statement is parsed and executed on one connection only within a transaction.
        self._glancing = self._reading if pooler else self.engine.execution_options(isolation_level="AUTOCOMMIT")
        # What a pooler does not let a connection begin with, each transaction that locks says for itself.
        self._said = idle if pooler else {}
        self._announce = announce
        self._patient = patient
        self._turn: AbstractAsyncContextManager[Any] = asyncio.Semaphore(pool_size) if patient else nullcontext()
        self._beside: list[Database] = []
        self._direct: WeakSet[Direct] = WeakSet()
        # Exports read much at once, which must not cost what is quick its limit.
        self._past = self.beside(pool_size=LOOKING_BACK, limit=LIMIT) if limit < LIMIT else self

    def beside(self, *, pool_size: int, limit: timedelta, patient: bool = False, more: int | None = None) -> "Database":
        """Other connections to the same server: for another purpose, so that neither takes the other's places. When
        the server falls silent on one of them, all notice. They end with this one's."""
        made = Database(
            self._url, pool_size=pool_size, limit=limit, patient=patient, more=more, line=self.line, **self._given
        )
        self._beside.append(made)
        return made

    def direct(self, actor: str) -> Direct:
        """A connection of its own for single statements, each a transaction in one round trip, of one actor. It ends
        with these."""
        if self._pooler:
            made = Direct(self._connect, f"{in_schema(self._url, local=True)};{self._opening(actor)}")
        else:

            async def connect() -> DatabaseConnection:
                connection = await self._connect()
                # One plan for all values is right for each of these statements; it is never made anew.
                said = _setting("holdgate.actor", actor, local=False) + ";SET plan_cache_mode = force_generic_plan"
                await connection.execute(said, timeout=CONNECT_SECONDS)
                return connection

            made = Direct(connect)
        self._direct.add(made)
        return made

    def _opening(self, actor: str) -> str:
        """What a transaction says at its beginning, as statements."""
        said = {"holdgate.actor": actor, **self._said}
        if parent := tracing.stored():  # tasks that it inserts belong to the trace, or to the request
            said["holdgate.traceparent"] = parent
        return "".join(f"{_setting(name, value)};" for name, value in said.items())

    async def _open(self, session: AsyncSession, first: Callable[[], Awaitable[Any]]) -> None:
        if self._patient:
            await insist(first, before=session.rollback, tell=_tell_away)
        else:
            await first()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadSession]:
        async with self._turn, ReadSession(self._reading, expire_on_commit=False) as session:
            if self._patient:
                await self._open(session, session.connection)
            yield session
            DATABASE.answered()

    @asynccontextmanager
    async def read_replica(self, session: ReadSession | None = None) -> AsyncIterator[ReadSession]:
        """For what may be some seconds old (charts, exports): on the replica if there is one that answers, else
        `session`, or one of `read`."""
        async with AsyncExitStack() as stack:
            if (behind := await self._behind(stack)) is not None:
                yield behind
            elif session is not None:
                yield session
            else:
                yield await stack.enter_async_context(self._past.read())

    async def _behind(self, stack: AsyncExitStack) -> ReadSession | None:
        """A session on the replica. None: there is none, or it is away, and then for a while it is not asked again."""
        if self._replica is None or time.monotonic() < self._replica_away_until:
            return None
        engine = self._replica.execution_options(postgresql_readonly=True)
        session = await stack.enter_async_context(ReadSession(engine, expire_on_commit=False))
        try:
            async with asyncio.timeout(REPLICA_SECONDS):
                await session.execute(select(1))
        except AWAY as error:
            self._replica_away_until = time.monotonic() + REPLICA_PATIENCE
            logger.warning("replica_away", error=in_a_line(error))
            return None
        return session

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[AsyncConnection]:
        """For a single statement that reads, asked again and again: no BEGIN and ROLLBACK around it."""
        async with self._turn, self._glancing.connect() as connection:
            yield connection
            DATABASE.answered()

    @asynccontextmanager
    async def read_one(self) -> AsyncIterator[ReadSession]:
        """As `read` for one statement alone, without a BEGIN and ROLLBACK around it."""
        async with self._turn, ReadSession(self._glancing, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def write_one(self, actor: str) -> AsyncIterator[WriteSession]:
        """As `write` for a single statement that writes, and what is read before it, without a BEGIN and COMMIT around
        them. Where the event log is told of it, the statement says who it is (`said`)."""
        if self._pooler:
            async with self.write(actor) as session:
                yield session
            return
        async with self._turn, WriteSession(self._glancing, expire_on_commit=False) as session:
            session.info["said"] = {"actor": actor, "traceparent": tracing.stored() or None}
            yield session
            DATABASE.answered()
        await self._tell(session)

    @asynccontextmanager
    async def write(self, actor: str) -> AsyncIterator[WriteSession]:
        """One transaction: commits when the block ends, rolls back when it raises.

        Args:
            actor: who does it, as the event log names it: `user:…`, `worker:…`, `recipient:…`, `system`.
        """
        async with self._turn, WriteSession(self.engine, expire_on_commit=False) as session:
            await self._open(session, partial(self._begin, session, actor))
            yield session
            await session.commit()
            DATABASE.answered()
        await self._tell(session)

    async def _tell(self, session: WriteSession) -> None:
        topics: set[str] = session.info.pop("topics", set())
        if topics and self._announce is not None:
            await self._announce(frozenset(topics))

    async def _begin(self, session: AsyncSession, actor: str) -> None:
        """Says who it is. That goes out with the BEGIN, and this with the first statement."""
        connection = await session.connection()
        driver = (await connection.get_raw_connection()).driver_connection
        assert isinstance(driver, DatabaseConnection)
        if self._pooler:  # it has begun, by saying its schema
            await driver.execute(self._opening(actor))
            return
        driver.opening = self._opening(actor)
        if self._patient:  # it must be known here whether the server is there
            await session.execute(select(1))

    async def dispose(self) -> None:
        for direct in list(self._direct):
            await direct.close()
        for other in self._beside:
            await other.dispose()
        await self.engine.dispose()
        if self._replica is not None:
            await self._replica.dispose()
        await asyncio.gather(self.line.parted(), self._replica_line.parted())
