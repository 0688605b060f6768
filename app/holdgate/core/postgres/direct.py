"""Single statements that come again and again, past SQLAlchemy: each a transaction of its own, in one round trip.

For what a worker does for every batch of tasks, where a BEGIN, a `set_config`, a COMMIT and the layers around them cost
more than the statement. The statements stay where they are, as `text()`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any

import asyncpg
from sqlalchemy import TextClause
from sqlalchemy.dialects.postgresql.asyncpg import dialect

from holdgate.core.postgres.connections import Away, DatabaseConnection, leaves

_DIALECT = dialect()  # type: ignore[no-untyped-call]


@cache
def _compiled(clause: TextClause) -> tuple[str, tuple[str, ...]]:
    """The statement as the driver takes it, and which value goes to which place."""
    made = clause.compile(dialect=_DIALECT)
    return made.string, tuple(made.positiontup or ())


class Direct:
    """One connection, made when it is first needed and again when it is lost. Whoever comes meanwhile waits.

    Args:
        connect: makes one on which the actor has been said, for as long as it lives; the event log names them.
        before: what each transaction must say for itself, behind a pooler; empty: nothing.
    """

    def __init__(self, connect: Callable[[], Awaitable[DatabaseConnection]], before: str = "") -> None:
        self._connect, self._before = connect, before
        self._connection: DatabaseConnection | None = None
        self._turn = asyncio.Lock()

    async def execute(self, clause: TextClause, values: Mapping[str, Any]) -> list[Any]:
        """The rows of one statement, which has committed.

        Raises:
            AWAY of core/db.py, as a session does; after an error of the connection the next call makes another one.
        """
        query, names = _compiled(clause)
        given = [values[name] for name in names]
        async with self._turn:
            try:
                connection = self._connection
                if connection is None or connection.is_closed():
                    connection = self._connection = await self._connect()
                rows = await self._fetch(connection, query, given)
            except BaseException as error:
                await self._judge(error)
                raise
            connection.heard = time.monotonic()
            return rows

    async def _fetch(self, connection: DatabaseConnection, query: str, given: list[Any]) -> list[Any]:
        if not self._before:
            rows: list[Any] = await connection.fetch(query, *given)
            return rows
        await connection.execute(f"BEGIN;{self._before}")
        rows = await connection.fetch(query, *given)
        await connection.execute("COMMIT")
        return rows

    async def _judge(self, error: BaseException) -> None:
        """Give up a connection that is in an unknown state, or whose server says goodbye."""
        if not isinstance(error, asyncpg.PostgresError) or leaves(error) or self._before:
            await self.close()
        if isinstance(error, TimeoutError):
            raise Away("PostgreSQL has not answered in time.") from error
        if isinstance(error, asyncpg.InternalClientError):  # it has said goodbye, of which the driver is about to hear
            raise Away("PostgreSQL has ended the connection.") from error

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
