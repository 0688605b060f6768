"""Writes outcomes in batches: what ended within a few milliseconds becomes one statement."""

import asyncio
from collections.abc import Callable

from sqlalchemy.exc import DBAPIError

from app.core import log
from app.core.db import AWAY, Database, sqlstate
from app.runtime.execution import describe
from app.tasks import queries
from app.tasks.queries import Attempt, Outcome
from app.tasks.states import TaskState

GATHER = 0.003  # seconds an outcome waits for others
BATCH = 500

logger = log.get(__name__)


class Finisher:
    """Takes outcomes, writes them, and says which tasks are out of this worker's hands.

    Args:
        done: called with the attempts of every batch once it is written (or refused by the fence).
    """

    def __init__(self, database: Database, actor: str, done: Callable[[list[Attempt]], None]) -> None:
        self._database = database
        self._actor = actor
        self._done = done
        self._waiting: list[Outcome] = []
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def backlog(self) -> int:
        return len(self._waiting)

    def put(self, outcome: Outcome) -> None:
        self._waiting.append(outcome)
        self._idle.clear()
        self._wake.set()

    async def flushed(self) -> None:
        """Wait until everything put so far is written."""
        await self._idle.wait()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if not self._waiting:
                self._idle.set()
                self._wake.clear()
                await self._wake.wait()
            if len(self._waiting) < BATCH:
                await asyncio.sleep(GATHER)
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            await self._write(batch)
            self._done([(outcome.id, outcome.attempt) for outcome in batch])

    async def _write(self, batch: list[Outcome]) -> None:
        """Write one batch, however long the database is away. An outcome that it cannot store buries its task alone."""
        pause = 0.1
        while True:
            try:
                async with self._database.write(self._actor) as session:
                    mine = await queries.finish_tasks(session, batch)
            except DBAPIError as error:
                if _unusable(error):
                    if len(batch) > 1:
                        for outcome in batch:
                            await self._write([outcome])
                        return
                    batch = [_unstorable(batch[0], error)]
                    continue
                logger.warning("finish_delayed", tasks=len(batch), error=repr(error.orig))
            except AWAY as error:
                logger.warning("finish_delayed", tasks=len(batch), error=repr(error))
            else:
                for outcome in batch:
                    if outcome.id not in mine:
                        logger.info("finish_refused", task=str(outcome.id), attempt=outcome.attempt)
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)


def _unusable(error: DBAPIError) -> bool:
    """Whether the data is at fault (classes 22 and 23, 54: too large) and not the connection or a deadlock."""
    return sqlstate(error)[:2] in ("22", "23", "54")


def _unstorable(outcome: Outcome, error: DBAPIError) -> Outcome:
    return Outcome(
        outcome.id,
        outcome.attempt,
        TaskState.DEAD_LETTER,
        error=describe(ValueError(f"The outcome could not be stored: {error.orig}")),
        reason="The outcome could not be stored.",
        failed=True,
    )
