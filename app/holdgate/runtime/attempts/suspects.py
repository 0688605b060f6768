"""Suspects: tasks whose worker was lost while they ran. One of them may have taken it down, and would do so again.

They are claimed apart from the others, so that a poison task is convicted alone: a few of a queue at a time, and the
one whose next loss would bury it has a worker for itself. That worker, the one with least in hand, claims nothing else
until its hand is empty, at most for `CLEARING` seconds, and then until the suspect has ended or lived for `ALONE`
seconds. Then it serves everybody for as long, before the next one. An innocent task ends in its run alone, and is
forgiven.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import Database
from holdgate.core.postgres.outages import AWAY
from holdgate.core.telemetry import log
from holdgate.tasks.queue.claims import ANY, Attempt, Claimed, Losses
from holdgate.tasks.queue.limits import Claim

TOPIC = "suspects"  # rung when there are new ones
TOGETHER = 4  # suspects of a queue at a time in a worker
CLEARING = 60.0  # seconds for which a worker claims nothing in order to become empty
ALONE = 60.0  # seconds that a suspect has a worker for itself
LOOK_AGAIN = 0.05  # seconds

logger = log.get(__name__)


class SuspectQueue(NamedTuple):
    """There are suspects in this queue. `last`: their next loss would bury them. `mine`: this worker has least in hand
    of those that serve the queue."""

    queue: str
    last: bool
    mine: bool


_WAITING = text(
    """
    SELECT s.queue, s.last, coalesce(:worker = (
             SELECT w.id FROM workers w
             WHERE NOT w.draining AND w.seen_at > now() - CAST(:alive AS interval)
               AND w.queues ? s.queue AND (w.kinds IS NULL OR w.kinds ? s.kind)
             ORDER BY w.in_hand, w.id LIMIT 1), FALSE) AS mine
    FROM (SELECT DISTINCT t.queue, t.kind, t.lease_losses >= CAST(:last AS int) AS last FROM tasks t
          WHERE t.state = 'queued' AND t.lease_losses > 0
            AND t.queue = ANY(CAST(:queues AS text[])) AND t.kind = ANY(CAST(:kinds AS text[]))
            AND NOT EXISTS (SELECT FROM queues q WHERE q.name = t.queue AND q.paused_at IS NOT NULL)) s
    """
)


async def waiting_suspects(
    session: AsyncSession, worker: UUID, queues: list[str], kinds: list[str], last: int, alive: timedelta
) -> list[SuspectQueue]:
    values = {"worker": worker, "queues": queues, "kinds": kinds, "last": last, "alive": alive}
    return [SuspectQueue(*row) for row in await session.execute(_WAITING, values)]


class Suspects:
    """What one worker does about them.

    Args:
        most: lost workers in a row that bury a task.
        hand: the tasks in hand.
        claim: claims and starts at most so many of a queue and with such losses.
        idle: whether nothing is in hand or being claimed.
        go_on: called when there may be more to claim.
    """

    def __init__(
        self,
        database: Database,
        worker: UUID,
        *,
        most: int,
        hand: Callable[[], Iterable[Claimed]],
        claim: Callable[[str, int, Losses], Awaitable[Claim]],
        idle: Callable[[], bool],
        go_on: Callable[[], None],
    ) -> None:
        self._database = database
        self._worker = worker
        self._hand, self._claim, self._idle, self._go_on = hand, claim, idle, go_on
        last = max(most - 1, 1)
        self._few, self._last = Losses(1, last - 1), Losses(last, ANY.most)
        self._queues: set[str] = set()
        self._ended = False
        self._next_at = 0.0
        self.bell = asyncio.Event()
        self.alone = False  # a suspect has this worker for itself, or is about to

    async def watch(self, queues: list[str], kinds: list[str], poll: float, alive: timedelta) -> None:
        """Look for suspects until the end; give each that is nearly convicted a worker for itself."""
        while not self._ended:
            self.bell.clear()
            try:
                async with self._database.read_one() as session:
                    found = await waiting_suspects(session, self._worker, queues, kinds, self._last.least, alive)
            except AWAY:  # whoever claims says so
                found = []
            self._queues = {one.queue for one in found if not one.last}
            if self._queues:
                self._go_on()
            alone = next((one.queue for one in found if one.last and one.mine), None)
            if alone is not None and time.monotonic() >= self._next_at:
                await self._run_alone(alone)
            try:
                async with asyncio.timeout(poll):
                    await self.bell.wait()
            except TimeoutError:
                pass

    def end(self) -> None:
        """Claim nothing more; `watch` returns once a claim under way has ended."""
        self._ended = True
        self.bell.set()

    async def claim_few(self, queue: str, free: int) -> int:
        """Claim of the queue's suspects what may run now beside others, at most `free`; returns how many."""
        if queue not in self._queues:
            return 0
        there = sum(1 for task in self._hand() if task.lease_losses and task.queue == queue)
        room = min(TOGETHER - there, free)
        if room <= 0:
            return 0
        claimed = len((await self._claim(queue, room, self._few)).tasks)
        if claimed < room:
            self._queues.discard(queue)
        return claimed

    async def _run_alone(self, queue: str) -> None:
        self.alone = True
        began = time.monotonic()
        try:
            await self._until(self._idle, CLEARING)
            claim = Claim([]) if self._ended else await self._claim(queue, 1, self._last)
            for task in claim.tasks:
                logger.info("suspect_alone", task=str(task.id), kind=task.kind, losses=task.lease_losses)
                await self._until(partial(self._gone, (task.id, task.attempt)), ALONE)
        finally:
            self.alone = False
            ended = time.monotonic()
            self._next_at = 2 * ended - began
            self._go_on()

    def _gone(self, attempt: Attempt) -> bool:
        return all((task.id, task.attempt) != attempt for task in self._hand())

    async def _until(self, condition: Callable[[], bool], seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not (self._ended or condition()):  # noqa: ASYNC110  (conditions of several parts, seldom asked)
                    await asyncio.sleep(LOOK_AGAIN)
