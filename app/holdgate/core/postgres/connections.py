"""Connections to PostgreSQL that come to an end: bounded statements, servers that fall silent, one of several hosts.

A server behind a moved address, a NAT or a dead machine neither answers nor closes: to wait for it is to wait for ever.
So every statement has a limit, after which its connection is given up and replaced; and nobody waits for the goodbye.
"""

import asyncio
import re
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from holdgate.core.postgres.server_line import ANSWER_SECONDS, ServerLine

CONNECT_SECONDS = 5.0
ONE_OF_SEVERAL_SECONDS = 3.0  # for each host, so that a dead one leaves time for the next
# Where our tables and functions are, unless the URL says otherwise: an installation can live in the database of a
# product that has tables, and an Alembic, of its own.
SCHEMA = "holdgate"
_SEARCH_PATH = "search_path"
_READ_ONLY = "25006"  # it takes no writes: a standby, most likely since a failover
# It says goodbye itself (shutting down, starting up, an idle transaction), or takes no writes any more.
_LEAVES = ("57P", "25P03", _READ_ONLY)
# What a pooler that hands out connections by the transaction takes at a connection's start; it refuses the rest.
_TAKEN_BY_POOLERS = frozenset({"application_name", "timezone"})
# So that the kernel notices a dead machine, too, where a statement may take long. The last one counts milliseconds.
_ALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 20_000}


class Away(ConnectionError):
    """The database cannot be reached, or has not answered in time."""


class DatabaseConnection(asyncpg.Connection):
    """asyncpg's, which never waits for long, and knows when its server was last heard."""

    def __init__(self, protocol: Any, transport: Any, *more: Any) -> None:
        super().__init__(protocol, transport, *more)
        self.line: ServerLine | None = None
        self.loop = asyncio.get_running_loop()
        self.opened = self.heard = time.monotonic()
        self.session = self.get_server_pid()  # which a connection that is closed does not know any more
        self.limit: float | None = None
        self.opening = ""  # statements that are sent together with the next BEGIN
        _keep_alive(transport.get_extra_info("socket"))

    async def execute(self, query: str, *args: Any, **options: Any) -> Any:
        if self.opening and query.startswith("BEGIN"):
            query, self.opening = query + self.opening, ""
        done = await super().execute(query, *args, **options)
        self.heard = time.monotonic()  # a transaction begins or ends: cheaper than to note each statement
        return done

    async def prepare(self, query: str, **options: Any) -> Any:
        # The driver closes forgotten statements here, and that alone it does without a limit.
        async with asyncio.timeout(self.limit):
            return await super().prepare(query, **options)

    async def close(self, *, timeout: float | None = None) -> None:
        if self.line is None:
            await super().close(timeout=ANSWER_SECONDS if timeout is None else timeout)
        elif not self.is_closed():
            self.line.part(self)


def _keep_alive(wire: Any) -> None:
    if wire is None or wire.family not in (socket.AF_INET, socket.AF_INET6):
        return
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _ALIVE.items():
        if hasattr(socket, name):  # by the system
            with suppress(OSError):
                wire.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


Connect: TypeAlias = Callable[..., Awaitable[DatabaseConnection]]


def connector(
    url: str,
    *,
    pooler: bool = False,
    settings: dict[str, str] | None = None,
    limit: float | None = None,
    writes: bool = True,
    line: ServerLine | None = None,
) -> Connect:
    """What makes connections to `url`, whose query (sslmode, sslrootcert, …) the driver reads as libpq does.

    Args:
        url: `postgresql+asyncpg://…`; of several hosts the first that answers, and takes writes if it is to.
        pooler: the URL leads to a PgBouncer in transaction mode. Each transaction may have another connection, so
            nothing is prepared under a name, what else would belong to a session is left out, and each transaction says
            for itself in which schema it works.
        settings: the server's, for each connection.
        limit: seconds that a statement may take; None: any time, for migrations.
        line: where its connections are known; None: closing one waits for it, for a little.
    """
    given = {name: value for name, value in (settings or {}).items() if not pooler or name in _TAKEN_BY_POOLERS}
    caching = {"statement_cache_size": 0} if pooler else {}
    about = {"server_settings": given, "command_timeout": limit, "connection_class": DatabaseConnection, **caching}
    hosts = Hosts(connection_string(url), writes=writes)

    async def connect(*_: object, **__: object) -> DatabaseConnection:
        connection = await hosts.connect(**about)
        connection.limit = limit
        if not pooler:
            try:
                await connection.execute(in_schema(url), timeout=CONNECT_SECONDS)
            except asyncpg.InternalClientError as error:
                # What the server said last came before its end was noticed; the driver blames itself for that.
                connection.terminate()
                raise Away("PostgreSQL ended the connection while it was being opened.") from error
        if line is not None:
            line.add(connection)
            if not pooler:
                await line.end_left_behind(connection)
        return connection

    return connect


def make_engine(url: str, *, pooler: bool = False, connect: Connect | None = None, **options: Any) -> AsyncEngine:
    """An engine on `url`; `connect` is what `connector` made, or is made without a limit. `options`: SQLAlchemy's."""
    given: dict[str, Any] = {"async_creator_fn": connect or connector(url, pooler=pooler)}
    given |= {"prepared_statement_cache_size": 0} if pooler else {}
    engine = create_async_engine("postgresql+asyncpg://", connect_args=given, hide_parameters=True, **options)
    event.listen(engine.sync_engine, "checkout", _look)
    event.listen(engine.sync_engine, "handle_error", _judge)
    if pooler:
        here = in_schema(url, local=True)
        event.listen(engine.sync_engine, "begin", lambda begun: begun.exec_driver_sql(here))
    return engine


def schema_of(url: str) -> str:
    """The schema that the URL names (`?search_path=…`), or ours."""
    return dict(parse_qsl(urlsplit(url).query)).get(_SEARCH_PATH, SCHEMA)


def in_schema(url: str, *, local: bool = False) -> str:
    """The statement that says which schema that is; `local`: for one transaction."""
    # Temporary tables last, not first: functions take this path along, and one has rights that its callers have not.
    return f"SET {'LOCAL ' if local else ''}search_path TO {quoted(schema_of(url))}, pg_temp"


def quoted(name: str) -> str:
    """As an identifier in a statement."""
    return '"' + name.replace('"', '""') + '"'


def _look(connection: Any, *_: object) -> None:
    """One that was closed while it lay in the pool is replaced before somebody's statement fails on it."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError
    connection.driver_connection.opening = ""  # of a transaction that has never begun


def _judge(context: ExceptionContext) -> None:
    """Which errors are the connection's: it is given up, and those that lie in the pool with it, for new ones."""
    error = context.original_exception
    if isinstance(error, OSError):
        context.is_disconnect = context.invalidate_pool_on_disconnect = True
        if not isinstance(error, Away):
            raise Away(str(error) or "PostgreSQL has not answered in time.") from error
    ours = context.connection is not None and context.connection.get_execution_options().get("postgresql_readonly")
    if leaves(error) and not (getattr(error, "sqlstate", None) == _READ_ONLY and ours):
        context.is_disconnect = True


def leaves(error: BaseException | None) -> bool:
    """Whether the server has said goodbye, or takes no writes any more."""
    between = isinstance(error and error.__cause__, asyncpg.InternalClientError)  # the driver did not see it coming
    return between or str(getattr(error, "sqlstate", None) or "").startswith(_LEAVES)


# What libpq knows and the driver does not, without loss: it would take them for settings of the server.
_LEFT_OUT = frozenset({"channel_binding", "connect_timeout", "gssencmode", "fallback_application_name"})


def connection_string(url: str) -> str:
    """The URL as the driver takes it."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    # `ssl` is the driver's own name, and what these URLs said before.
    left_out = _LEFT_OUT | {_SEARCH_PATH}  # the engine says it in its own way
    kept = [("sslmode" if key == "ssl" else key, value) for key, value in query if key not in left_out]
    return urlunsplit(parts._replace(scheme="postgresql", query=urlencode(kept, safe="/")))


class Hosts:
    """The servers that a URL names. The driver would give all the time there is to the first of them.

    Args:
        writes: of several, one that takes writes is looked for, unless the URL says something else.
    """

    def __init__(self, dsn: str, *, writes: bool = True) -> None:
        query = dict(parse_qsl(urlsplit(dsn).query))
        target = query.get("target_session_attrs", "")
        named = list(_named(dsn, query))
        # `prefer-standby` compares them all: that is left to the driver.
        self._several = len(named) > 1 and target != "prefer-standby"
        # In the order in which they are tried; with nothing in it, as the URL says.
        self._each = [{"host": host, "port": port} for host, port in named] if self._several else [{}]
        self._target = {"target_session_attrs": "read-write"} if self._several and writes and not target else {}
        self._dsn = dsn

    async def connect(self, **about: Any) -> DatabaseConnection:
        seconds = ONE_OF_SEVERAL_SECONDS if self._several else CONNECT_SECONDS
        problem: Exception | None = None
        for host in self._each:
            try:
                made: DatabaseConnection = await asyncpg.connect(
                    self._dsn, timeout=seconds, **host, **self._target, **about
                )
            except TimeoutError:
                problem = Away(f"PostgreSQL has not let us in within {seconds:g} s.")
            except (OSError, asyncpg.TargetServerAttributeNotMatched) as error:
                problem = Away(str(error))
            except asyncpg.CannotConnectNowError as error:  # starting up, or shutting down
                problem = error
            else:
                if host is not self._each[0]:  # the next connection need not try the others first
                    self._each = [host, *(each for each in self._each if each is not host)]
                return made
        assert problem is not None
        raise problem


def _named(dsn: str, query: dict[str, str]) -> Iterator[tuple[str, int]]:
    """Host and port of each server: `h1:5432,h2:5433` before the path, or in the query as `host` and `port`."""
    names = unquote(urlsplit(dsn).netloc.rpartition("@")[2]) or query.get("host", "")
    ports = query.get("port", "").split(",")
    for number, name in enumerate(names.split(",")):
        default = int((ports[number] if len(ports) > 1 else ports[0]) or 5432)
        found = None if name.startswith("/") else re.fullmatch(r"\[?(.*?)\]?(?::(\d+))?", name)
        yield (found[1], int(found[2] or default)) if found else (name, default)
