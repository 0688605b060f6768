"""What an attempt has to write is written although the database is away: its restart is no failure of a task."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from structlog.typing import FilteringBoundLogger

from holdgate.core.db import Database, ReadSession, WriteSession
from holdgate.core.postgres.outages import insist

R = TypeVar("R")


class Insistence:
    """Transactions of one attempt, each done again and again while the database is away."""

    def __init__(self, database: Database, actor: str, logger: Callable[[], FilteringBoundLogger]) -> None:
        self._database = database
        self._actor = actor
        self._logger = logger

    async def read(self, what: str, look: Callable[[ReadSession], Awaitable[R]]) -> R:
        """One statement."""

        async def once() -> R:
            async with self._database.read_one() as session:
                return await look(session)

        return await insist(once, tell=self._tell(what))

    async def write(
        self,
        what: str,
        work: Callable[[WriteSession], Awaitable[R]],
        done: Callable[[ReadSession], Awaitable[R | None]] | None = None,
        *,
        one: bool = False,
    ) -> R:
        """One transaction; `one`: of a single statement that the event log is told nothing of.

        Args:
            done: finds what an earlier one has done whose commit counted although its answer was lost. None: such a
                one may be done again.
        """

        async def once() -> R:
            begin = self._database.write_one if one else self._database.write
            async with begin(self._actor) as session:
                return await work(session)

        async def look() -> R | None:
            if done is None:
                return None
            async with self._database.read() as session:
                return await done(session)

        return await insist(once, before=look, tell=self._tell(what))

    def _tell(self, what: str) -> Callable[[Exception], None]:
        return lambda error: self._logger().warning("step_delayed", step=what, error=repr(error))
