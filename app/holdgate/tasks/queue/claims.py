"""What workers do with tasks in their hands: claim, finish, renew, remember. One statement each, fenced by the attempt.

Locks are taken as tasks/queue/moves.py says. Times are the database's; `now=` is for tests.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import WriteSession
from holdgate.core.postgres.direct import Direct
from holdgate.tasks.failures.fingerprints import digest_of
from holdgate.tasks.queue import moves
from holdgate.tasks.queue.moves import MovedTask
from holdgate.tasks.states import TaskState

# A task's id and the number of one claim of it: what every write of a worker is fenced by.
Attempt: TypeAlias = tuple[UUID, int]


class Claimed(NamedTuple):
    """A task in a worker's hands. `attempt` is its fencing token; `payload` is JSON text; `time_left` are the seconds
    from its claim to its deadline, if it has one; `steps` is what earlier attempts have finished, in JSON, where
    the claim has brought it."""

    id: UUID
    attempt: int
    kind: str
    payload: str
    queue: str
    run_id: UUID | None
    owner_id: UUID | None
    subject: str | None
    title: str
    failures: int
    max_attempts: int
    round: int
    time_left: float | None = None
    traceparent: str | None = None
    lease_losses: int = 0
    steps: str | None = None


class FreePlaces(msgspec.Struct, frozen=True):
    """How many more tasks of some kinds a worker can run: kinds that share a pool share its free places."""

    pools: Mapping[str, str] = {}  # kind → pool
    free: Mapping[Any, int] = {}  # pool → places

    def parameters(self) -> dict[str, list[Any]]:
        free = [self.free[pool] for pool in self.pools.values()]
        return {"pooled": list(self.pools), "pools": list(self.pools.values()), "places": free}

    def look(self, limit: int) -> int:
        """How many of the first tasks to look at: past those of a full pool, but not past a long queue of them."""
        return limit if all(self.free.values()) else limit + LOOK_PAST


class Losses(NamedTuple):
    """How often in a row its worker was lost: which tasks a claim is for."""

    least: int
    most: int


LOOK_PAST = 100  # tasks
NO_POOLS = FreePlaces()
ANY = Losses(0, 32767)
INNOCENT = Losses(0, 0)


class Outcome(msgspec.Struct, frozen=True):
    """How a try ended. `delay` is the time to the next try; `result` and `error` are JSON text."""

    id: UUID
    attempt: int
    state: TaskState
    result: str | None = None
    error: str | None = None
    delay: float | None = None
    reason: str | None = None
    failed: bool = False


# The planner walks tasks_ready_idx, whose order this ORDER BY is, and stops at the limit: no other index has the state
# in these words, by which it could sort a whole queue that was empty when it was planned. Whether the queue is paused
# is looked up once, before the walk. Materialized: a planner that believes the table to hold one row would run the
# choice once for each row there is, and claim everything. Claimed rows are skipped, not waited for. A kind that this
# worker does not know stays for one that does (old code during a deploy). Limited kinds are tasks/queue/limits.py's.
_READY = """
      SELECT ctid AS row, kind, priority, position FROM tasks
      WHERE state || '' = 'queued' AND NOT limited AND queue = :queue AND kind = ANY(CAST(:kinds AS text[]))
        AND NOT EXISTS (SELECT FROM queues WHERE name = :queue AND paused_at IS NOT NULL)
"""
_IN_ORDER = """
      ORDER BY priority DESC, position
      LIMIT :look
      FOR NO KEY UPDATE SKIP LOCKED
"""
# Suspects (runtime/attempts/suspects.py) are few and have an index of their own: it needs its condition in plain words.
AMONG = " AND lease_losses BETWEEN :least AND :most "
SUSPECTS = " AND state = 'queued' AND lease_losses > 0 " + AMONG
FREE = _READY + AMONG + _IN_ORDER
FREE_SUSPECTS = _READY + SUSPECTS + _IN_ORDER
# Of the tasks in `ready`, no more of a pool than it has places.
FITTING = """
      SELECT row FROM (
        SELECT r.*, p.places, row_number() OVER (PARTITION BY p.pool ORDER BY r.priority DESC, r.position) AS number
        FROM ready r
        LEFT JOIN unnest(CAST(:pooled AS text[]), CAST(:pools AS text[]), CAST(:places AS int[]))
                  AS p(kind, pool, places) ON p.kind = r.kind) AS numbered
      WHERE number <= coalesce(places, number)
      ORDER BY priority DESC, position
      LIMIT :limit
"""
_CLAIMED = """t.id, t.attempt, t.kind, CAST(t.payload AS text) AS payload, t.queue, t.run_id, t.owner_id, t.subject,
              t.title, t.failures, t.max_attempts, t.round,
              CAST(extract(epoch FROM t.deadline_at - coalesce(CAST(:now AS timestamptz), now())) AS float8)
              AS time_left, t.traceparent, t.lease_losses
"""
# The rows in `c`, by where they lie: they have just been locked there. One that somebody has changed between the look
# and the lock lies elsewhere by then, and is left for the next claim.
_UPDATE = """
    UPDATE tasks t
    SET state = 'running', attempt = t.attempt + 1, worker_id = :worker, reason = NULL,
        lease_expires_at = coalesce(CAST(:now AS timestamptz), now()) + CAST(:lease AS interval),
        started_at = coalesce(t.started_at, :now, now()), claimed_at = coalesce(CAST(:now AS timestamptz), now())
    WHERE t.ctid = ANY(ARRAY(SELECT row FROM c))
    RETURNING """
_STEPS = """,
              CASE WHEN t.attempt > 1 THEN holdgate_steps(t.id, t.attempt, t.round) END AS steps, t.priority, t.position
"""
# What follows `c`.
TAKE = "), claimed AS (" + _UPDATE + _CLAIMED + _STEPS + ")"
CLAIMED = ", ".join(Claimed._fields) + " FROM claimed ORDER BY priority DESC, position"
_REST = "), c AS MATERIALIZED (" + FITTING + TAKE + " SELECT " + CLAIMED
_CLAIM = text("WITH ready AS MATERIALIZED (" + FREE + _REST)
_CLAIM_SUSPECTS = text("WITH ready AS MATERIALIZED (" + FREE_SUSPECTS + _REST)
_OF_WORKER = """, NULL AS steps
    FROM tasks t
    WHERE t.state = 'running' AND t.worker_id = :worker AND t.queue = :queue
      AND t.lease_expires_at > coalesce(CAST(:now AS timestamptz), now())
"""
_LEASED = text("SELECT " + _CLAIMED + _OF_WORKER)


async def claim_tasks(
    session: WriteSession | Direct,
    *,
    queue: str,
    kinds: list[str],
    worker: UUID,
    limit: int,
    lease: timedelta,
    places: FreePlaces = NO_POOLS,
    losses: Losses = ANY,
    now: datetime | None = None,
) -> list[Claimed]:
    """At most `limit` ready tasks of `queue`, highest priority first, in their order, leased to `worker`. None of
    a paused queue, and none of a limited kind."""
    values = {"queue": queue, "kinds": kinds, "worker": worker, "limit": limit, "lease": lease, "now": now}
    values |= {"look": places.look(limit), **places.parameters(), **losses._asdict()}
    rows = await session.execute(_CLAIM_SUSPECTS if losses.least else _CLAIM, values)
    return [Claimed(*row) for row in rows]


async def leased_tasks(direct: Direct, *, queue: str, worker: UUID, now: datetime | None = None) -> list[Claimed]:
    """What the worker has claimed of `queue` and holds: among it what it was not told."""
    rows = await direct.execute(_LEASED, {"queue": queue, "worker": worker, "now": now})
    return [Claimed(*row) for row in rows]


# Fenced by (id, attempt, running): what is not returned was lost to another worker or taken away by a person.
# Here and in `_EXTEND` the state is not written as tasks_running_idx has it: just after a vacuum the planner may
# believe that nothing runs, and would go through all of that index once for every attempt in hand. And every join is
# with tasks by their key: joined with the list once more, its rows would be compared with each other, all with all.
# Outcomes come in the order of their ids, in which the one join locks. Their arrays stand in subselects: told of
# 500 outcomes the planner would rather read all of a small table.
_FINISH = text(
    """
    UPDATE tasks t
    SET state = f.state,
        result = f.result,
        error = coalesce(f.error, t.error),
        fingerprint = t.kind || ':' || f.digest,
        reason = f.reason,
        failures = t.failures + CASE WHEN f.failed THEN 1 ELSE 0 END,
        -- Lost workers count in a row: here one was not lost.
        lease_losses = CASE WHEN f.state = 'retrying' THEN 0 ELSE t.lease_losses END,
        run_at = coalesce(CAST(:now AS timestamptz), now()) + f.delay * interval '1 second',
        finished_at = CASE WHEN f.state IN ('succeeded', 'dead_letter')
                           THEN coalesce(CAST(:now AS timestamptz), now()) END,
        position = CASE WHEN f.state = 'queued' THEN holdgate_front(
                                                       t.queue, t.priority, t.position,
                                                       CASE WHEN t.limited THEN t.kind ELSE '' END)
                        ELSE t.position END,
        lease_expires_at = NULL,
        worker_id = NULL
    FROM unnest((SELECT CAST(:ids AS uuid[])), (SELECT CAST(:attempts AS int[])), (SELECT CAST(:states AS text[])),
                (SELECT CAST(:results AS jsonb[])), (SELECT CAST(:errors AS jsonb[])),
                (SELECT CAST(:delays AS float8[])), (SELECT CAST(:reasons AS text[])),
                (SELECT CAST(:failed AS bool[])), (SELECT CAST(:digests AS text[])))
         AS f(id, attempt, state, result, error, delay, reason, failed, digest)
    WHERE t.id = f.id AND t.attempt = f.attempt AND t.state || '' = 'running'
    RETURNING t.id
    """
)


def _id(outcome: Outcome) -> UUID:
    return outcome.id


def alone(outcome: Outcome) -> bool:
    """Whether writing it is all there is to do: of a task that is put back its run must be told."""
    return outcome.state is not TaskState.QUEUED


async def finish_tasks(
    session: WriteSession | Direct, outcomes: list[Outcome], *, now: datetime | None = None
) -> set[UUID]:
    """Write how tries ended, as one statement. Returns the ids that were still this worker's. A `Direct` is for
    outcomes that are `alone`."""
    outcomes = sorted(outcomes, key=_id)
    rows = await session.execute(
        _FINISH,
        {
            "ids": [o.id for o in outcomes],
            "attempts": [o.attempt for o in outcomes],
            "states": [o.state.value for o in outcomes],
            "results": [o.result for o in outcomes],
            "errors": [o.error for o in outcomes],
            "delays": [o.delay for o in outcomes],
            "reasons": [o.reason for o in outcomes],
            "failed": [o.failed for o in outcomes],
            "digests": [digest_of(o.error) for o in outcomes],
            "now": now,
        },
    )
    mine = {row[0] for row in rows}
    back = [MovedTask(o.id, "", o.state) for o in outcomes if not alone(o) and o.id in mine]
    if isinstance(session, WriteSession):
        await moves.follow_runs(session, back, now=now)
    return mine


# One that another transaction has locked is passed over until the next time: waiting for it would let all the others
# run out.
_EXTEND = text(
    """
    WITH held AS (
      SELECT t.id, t.attempt FROM tasks t
      JOIN unnest(CAST(:ids AS uuid[]), CAST(:attempts AS int[])) AS h(id, attempt) USING (id)
      WHERE t.attempt = h.attempt AND t.state || '' = 'running'),
    free AS (
      SELECT t.id FROM tasks t JOIN held USING (id)
      WHERE t.attempt = held.attempt AND t.state || '' = 'running'
      FOR NO KEY UPDATE OF t SKIP LOCKED),
    renewed AS (
      UPDATE tasks t SET lease_expires_at = coalesce(CAST(:now AS timestamptz), now()) + CAST(:lease AS interval)
      FROM free WHERE t.id = free.id AND t.state || '' = 'running')
    SELECT id, attempt FROM held
    """
)


_WAITING = text(
    """
    SELECT q FROM unnest(CAST(:queues AS text[])) AS q
    WHERE EXISTS (SELECT FROM tasks WHERE state = 'queued' AND queue = q)
    """
)


async def queues_with_work(session: AsyncSession, queues: list[str]) -> list[str]:
    """Those of `queues` that have a ready task."""
    return list((await session.execute(_WAITING, {"queues": queues})).scalars())


async def extend_leases(
    session: WriteSession, held: list[Attempt], lease: timedelta, *, now: datetime | None = None
) -> set[Attempt]:
    """Renew the leases of the attempts in hand; returns those still held."""
    ids, attempts = [id for id, _ in held], [attempt for _, attempt in held]
    rows = await session.execute(_EXTEND, {"ids": ids, "attempts": attempts, "lease": lease, "now": now})
    return {(row[0], row[1]) for row in rows}
