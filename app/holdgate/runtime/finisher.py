"""Writes outcomes in batches: what ended within a few milliseconds becomes one statement."""

import asyncio
from collections.abc import Callable
from uuid import UUID

from holdgate.core.db import Database
from holdgate.core.postgres.outages import AWAY, refuses_data, tell
from holdgate.core.telemetry import log
from holdgate.runtime.attempts.endings import describe
from holdgate.tasks.queue import claims
from holdgate.tasks.queue.claims import Attempt, Outcome
from holdgate.tasks.states import TaskState

GATHER = 0.003  # seconds an outcome waits for others
BATCH = 500
MOST_BYTES = 8 * 1024 * 1024  # of results and errors in one statement

logger = log.get(__name__)


class Finisher:
    """Takes outcomes, writes them, and says which tasks are out of this worker's hands.

    Args:
        done: called with the attempts of every batch once it is written (or refused by the fence).
    """

    def __init__(self, database: Database, actor: str, done: Callable[[list[Attempt]], None]) -> None:
        self._database, self._direct = database, database.direct(actor)
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
            batch = self._waiting[: _together(self._waiting)]
            del self._waiting[: len(batch)]
            await self.write(batch)
            self._done([(outcome.id, outcome.attempt) for outcome in batch])

    async def write(self, batch: list[Outcome]) -> None:
        """Write one batch, however long the database is away. An outcome that it cannot store buries its task alone."""
        pause = 0.1
        while True:
            try:
                mine = await self._finish(batch)
            except Exception as error:
                if isinstance(error, AWAY) and not refuses_data(error):
                    tell("finish_delayed", error, tasks=len(batch))
                elif len(batch) > 1:  # one of them is at fault; the others are written without it
                    half = len(batch) // 2
                    await self.write(batch[:half])
                    batch = batch[half:]
                    continue
                else:
                    logger.error("outcome_unstorable", task=str(batch[0].id), error=repr(error))
                    batch = [_unstorable(batch[0])]
            else:
                for outcome in batch:
                    if outcome.id not in mine:
                        logger.info("finish_refused", task=str(outcome.id), attempt=outcome.attempt)
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)

    async def _finish(self, batch: list[Outcome]) -> set[UUID]:
        if all(map(claims.alone, batch)):
            return await claims.finish_tasks(self._direct, batch)
        async with self._database.write(self._actor) as session:
            return await claims.finish_tasks(session, batch)

    async def close(self) -> None:
        await self._direct.close()


def _together(waiting: list[Outcome]) -> int:
    """How many of the first are written in one statement: not more than `MOST_BYTES` of them, but one at least."""
    size = 0
    for number, outcome in enumerate(waiting[:BATCH]):
        size += len(outcome.result or "") + len(outcome.error or "")
        if number and size > MOST_BYTES:
            return number
    return min(BATCH, len(waiting))


def _unstorable(outcome: Outcome) -> Outcome:
    """In its place: the task ends, and is not run again, since its effects have happened."""
    told = "The outcome could not be stored. The worker's log says why."
    return Outcome(
        outcome.id, outcome.attempt, TaskState.DEAD_LETTER, error=describe(ValueError(told)), reason=told, failed=True
    )
