"""Random lives of kinds with limits, held step by step against a model: how many at once, how many a while.

Limits are set, changed and taken away; tasks are claimed, end, are lost and come back; the clock moves, also back. No
claim takes more than there is room for, or less, and what it takes are the first in order.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, TypeVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from sqlalchemy import text

import tests.tasks.kinds  # noqa: F401
from holdgate.core.db import Database
from holdgate.core.ids import uuid7
from holdgate.tasks import service
from holdgate.tasks.kinds import Rate
from holdgate.tasks.queue import claims, limits, moves
from holdgate.tasks.queue.claims import Claimed, Outcome
from holdgate.tasks.queue.limits import Claim, KindLimits
from holdgate.tasks.service import TaskRequest
from holdgate.tasks.states import TaskState
from tests import servers as servers_module
from tests.factories.approvals import principal
from tests.servers import Servers

T = TypeVar("T")
KINDS = ("test.nothing", "test.free")
PER = timedelta(minutes=40)
LEASE = timedelta(minutes=20)
# So that the clock also stops at the very moment at which another one may start.
MINUTES = st.sampled_from([0, 5, 10, 20, 40, -20])
PICK = st.integers(0, 999)

_READY = text("SELECT kind, -priority, position, id FROM tasks WHERE state = 'queued'")
_RUNNING = text("SELECT id, kind FROM tasks WHERE state = 'running'")


@dataclass
class Bucket:
    """What a kind may do. `tokens` are the starts that its rate has left, as of `at`."""

    at: datetime
    concurrency: int | None = None
    count: int | None = None
    tokens: float = 0.0

    def left(self, now: datetime) -> float:
        assert self.count is not None
        return min(self.count, self.tokens + max(0.0, (now - self.at) / PER) * self.count)

    def set(self, concurrency: int | None, count: int | None, now: datetime) -> None:
        """What was used up stays used up."""
        if count is not None:
            self.tokens = float(count) if self.count is None else min(count, self.left(now))
        self.concurrency, self.count, self.at = concurrency, count, now

    def room(self, running: int, now: datetime) -> int:
        room = 1000 if self.concurrency is None else max(0, self.concurrency - running)
        return room if self.count is None else min(room, int(self.left(now) + 1e-6))

    def wait(self, now: datetime) -> float | None:
        """Seconds until its rate lets another one start, if that is what it waits for."""
        if self.count is None or self.left(now) + 1e-6 >= 1:
            return None
        return (1 - self.left(now)) * PER.total_seconds() / self.count

    def take(self, n: int, now: datetime) -> None:
        if self.count is not None and n:
            self.tokens, self.at = self.left(now) - n, max(self.at, now)


class Pacing(RuleBasedStateMachine):
    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self, loop: asyncio.AbstractEventLoop, database: Database) -> None:
        super().__init__()
        self.loop, self.database = loop, database
        self.now = datetime.now(UTC)
        self.buckets = {kind: Bucket(self.now) for kind in KINDS}
        self.running: dict[UUID, Claimed] = {}
        self.wait(servers_module.empty(database))
        self.person = self.wait(principal(database, admin=True))

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(coroutine)

    @initialize()
    def begin(self) -> None:
        for kind in KINDS:
            self.enqueue(kind, 4, 50)
        self.set_limits(KINDS[0], 2, None)

    @rule(kind=st.sampled_from(KINDS), n=st.integers(1, 4), priority=st.sampled_from([50, 50, 51]))
    def enqueue(self, kind: str, n: int, priority: int) -> None:
        async def put() -> None:
            async with self.database.write("system") as session:
                await service.enqueue_many(session, [TaskRequest(kind=kind, payload={}, priority=priority)] * n)

        self.wait(put())

    @rule(
        kind=st.sampled_from(KINDS),
        concurrency=st.sampled_from([None, 1, 2, 3]),
        count=st.sampled_from([None, None, 1, 2, 4]),
    )
    def set_limits(self, kind: str, concurrency: int | None, count: int | None) -> None:
        """And the sweeper marks the tasks. Without any, the limit is taken away."""
        wanted = KindLimits(concurrency, Rate(count, PER) if count else None)

        async def set_them() -> None:
            async with self.database.write("user:test") as session:
                await limits.set_limits(session, self.person, kind, wanted, now=self.now)
            async with self.database.write("system") as session:
                while await limits.settle(session, now=self.now + timedelta(minutes=1)):
                    pass

        self.wait(set_them())
        self.buckets[kind].set(concurrency, count, self.now)

    @rule(limit=st.integers(1, 6), minutes=MINUTES)
    def claim(self, limit: int, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        ready, running, claim = self.wait(self._claim(limit))
        rooms = {kind: self.buckets[kind].room(running[kind], self.now) for kind in KINDS}
        firsts = [sorted(row[1:] for row in ready if row[0] == kind)[: rooms[kind]] for kind in KINDS]
        expected = sorted(key for first in firsts for key in first)[:limit]
        place = {row[3]: row[1:3] for row in ready}
        assert sorted(place[task.id] for task in claim.tasks) == [key[:2] for key in expected]
        taken = Counter(task.kind for task in claim.tasks)
        for kind in KINDS:
            assert taken[kind] <= rooms[kind]
            self.seen["full"] += rooms[kind] == 0 and any(row[0] == kind for row in ready)
        waits = [self.buckets[kind].wait(self.now) for kind in {row[0] for row in ready}]
        known = [seconds for seconds in waits if seconds is not None]
        assert claim.wait == (pytest.approx(min(known), abs=0.1) if known else None)
        self.seen["paced"] += bool(known)
        for kind, bucket in self.buckets.items():
            bucket.take(taken[kind], self.now)
        self.running |= {task.id: task for task in claim.tasks}

    async def _claim(self, limit: int) -> tuple[list[Any], Counter[str], Claim]:
        async with self.database.write("worker:test") as session:
            ready = [tuple(row) for row in await session.execute(_READY)]
            running = Counter(row[1] for row in await session.execute(_RUNNING))
            claim = await limits.claim(
                session,
                queue="default",
                kinds=list(KINDS),
                worker=uuid7(),
                limit=limit,
                lease=LEASE,
                now=self.now,
            )
            return ready, running, claim

    @precondition(lambda self: self.running)
    @rule(picks=st.sets(PICK, min_size=1, max_size=3), retrying=st.booleans())
    def finish(self, picks: set[int], retrying: bool) -> None:
        state = TaskState.RETRYING if retrying else TaskState.SUCCEEDED
        chosen = {list(self.running)[pick % len(self.running)] for pick in picks}
        delay = LEASE.total_seconds() if retrying else None
        outcomes = [Outcome(id, self.running[id].attempt, state, delay=delay, failed=retrying) for id in sorted(chosen)]

        async def finish() -> Any:
            async with self.database.write("worker:test") as session:
                return await claims.finish_tasks(session, outcomes, now=self.now)

        assert self.wait(finish()) == chosen
        for id in chosen:
            del self.running[id]

    @rule(minutes=MINUTES)
    def sweep(self, minutes: int) -> None:
        """Those of lost workers and those whose time has come are ready again: a lost one counts until then."""
        self.now += timedelta(minutes=minutes)

        async def sweep() -> Counter[str]:
            async with self.database.write("system") as session:
                await moves.recover_lost(session, most=100, now=self.now)
                await moves.promote_due(session, now=self.now)
                return Counter(row[0] for row in await session.execute(_RUNNING))

        left = self.wait(sweep())
        self.seen["lost"] += len(left) < len(self.running)
        self.running = {id: task for id, task in self.running.items() if id in left}


@pytest.mark.slow
def test_whatever_limits_are_set_no_claim_takes_more_than_they_allow_or_less(servers: Servers) -> None:
    loop = asyncio.new_event_loop()
    database = Database(servers.database_url, name="tests", pool_size=2)
    try:
        run_state_machine_as_test(
            lambda: Pacing(loop, database),  # type: ignore[arg-type]  # whatever makes one
            settings=settings(
                max_examples=30,
                stateful_step_count=30,
                deadline=None,
                derandomize=True,
                phases=(Phase.generate,),
                suppress_health_check=list(HealthCheck),
            ),
        )
        assert Pacing.seen.keys() >= {"full", "paced", "lost"} and all(Pacing.seen.values()), Pacing.seen
    finally:
        loop.run_until_complete(database.dispose())
        loop.close()
