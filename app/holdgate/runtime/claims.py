"""How a worker claims tasks: with the limits of kinds, and only as many as there are free places to run them in."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from holdgate.core.db import Database
from holdgate.core.postgres.outages import AWAY, tell
from holdgate.core.telemetry import metrics
from holdgate.runtime.attempts.executors import Executors, Pool
from holdgate.schedules import registration as schedules
from holdgate.tasks.kinds import all_kinds
from holdgate.tasks.queue import claims, limits
from holdgate.tasks.queue.claims import Attempt, Claimed, FreePlaces, Losses
from holdgate.tasks.queue.limits import Claim


class Claims:
    """The claims of one worker, of all its queues.

    Args:
        held: the attempts in hand.
    """

    def __init__(
        self,
        database: Database,
        worker: UUID,
        actor: str,
        lease: timedelta,
        executors: Executors,
        held: Callable[[], list[Attempt]],
    ) -> None:
        self._database, self._direct = database, database.direct(actor)
        self._worker, self._actor, self._lease = worker, actor, lease
        self._executors, self._held = executors, held
        self.kinds = [kind.name for kind in all_kinds()]
        self._pools: dict[str, Pool] = {kind.name: kind.runs_in for kind in all_kinds() if kind.runs_in != "loop"}
        # Which kinds have limits: only whether to ask for their tasks. What they allow, the claim finds out.
        self.limited: frozenset[str] = frozenset()
        self._limits_known = False
        self.under_way = 0
        self.held_back: set[str] = set()  # queues in which the last claim may have left tasks for want of places
        self._unanswered: set[str] = set()  # queues of which a claim may have taken tasks without our knowing

    async def close(self) -> None:
        await self._direct.close()

    def in_pool(self, kind: str) -> bool:
        """Whether its handler takes a place of a thread or process."""
        return kind in self._pools

    def limits_changed(self) -> None:
        self._limits_known = False

    async def declare(self) -> None:
        """Write down the limits and schedules that the code of this process declares, however long that takes."""
        while True:
            try:
                async with self._database.write(self._actor) as session:
                    await limits.declare(session, all_kinds())
                    await schedules.write_down(session)
            except AWAY as error:
                tell("declare_failed", error)
                await asyncio.sleep(0.5)
            else:
                self._limits_known = False
                return

    async def waiting(self, queues: list[str]) -> list[str]:
        """Those in which something is ready, whether or not this worker can have it; all while the database is away."""
        try:
            async with self._database.read_one() as session:
                return await claims.queues_with_work(session, queues)
        except AWAY:
            return queues

    async def claim(self, queue: str, limit: int, losses: Losses) -> Claim:
        """At most `limit` tasks of the queue. Whoever calls starts them at once: they are leased."""
        self.under_way += 1
        try:
            claim = await self._claim(queue, limit, losses)
        except AWAY as error:
            tell("claim_failed", error, queue=queue)
            self._limits_known = False
            self._unanswered.add(queue)
            await asyncio.sleep(0.5)
            return Claim([], again=True)
        finally:
            self.under_way -= 1
        if claim.tasks:
            metrics.observe_claims(queue, len(claim.tasks))
        return claim

    async def _untold(self, queue: str) -> list[Claimed]:
        """What a claim has taken whose answer was lost, or came too late because something blocked the loop: it is
        leased to us, and would run out in nobody's hands."""
        before = self._held()  # what ends meanwhile may still be found running
        found = await claims.leased_tasks(self._direct, queue=queue, worker=self._worker)
        self._unanswered.discard(queue)
        held = {*before, *self._held()}
        return [task for task in found if (task.id, task.attempt) not in held]

    async def _claim(self, queue: str, limit: int, losses: Losses) -> Claim:
        # What another claim under way has taken is no secret: its answer is to come.
        if queue in self._unanswered and self.under_way == 1 and (untold := await self._untold(queue)):
            return Claim(untold, again=True)
        if not self._limits_known:
            self._limits_known = True  # before the look: what changes during it is looked at again
            async with self._database.read_one() as looking:
                self.limited = await limits.limited_kinds(looking) & set(self.kinds)
        free = {pool: self._executors.free(pool) for pool in set(self._pools.values())}
        about: dict[str, Any] = {
            "queue": queue,
            "kinds": self.kinds,
            "worker": self._worker,
            "limit": limit,
            "lease": self._lease,
            "places": FreePlaces(self._pools, free),
            "losses": losses,
        }
        if self.limited:
            async with self._database.write(self._actor) as session:
                claim = await limits.claim(session, **about)
        else:
            claim = Claim(await claims.claim_tasks(self._direct, **about))
        # One that is left would only wait here for a place, while another worker has one.
        taken = Counter(self._pools[task.kind] for task in claim.tasks if task.kind in self._pools)
        filled = any(number >= free[pool] for pool, number in taken.items())
        if filled or not all(free.values()):
            self.held_back.add(queue)
        # Behind what was left there may be something else for us.
        return Claim(claim.tasks, claim.wait, claim.again or filled)
