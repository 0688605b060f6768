"""The queue's statements that workers and the sweeper live on: one function each, named by its result.

Lock order, everywhere: runs, then tasks by id, then approvals. Every statement here that locks several tasks takes
them in the order of their ids, or skips those that are locked. Times are the database's; `now=` is for tests.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Text, case, cast, func, literal, null, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import WriteSession
from app.tasks.models import Task, TaskStep
from app.tasks.states import FINISHED, TASK_MACHINE, TaskState, TaskVerb


class NewTask(msgspec.Struct, frozen=True, kw_only=True):
    """A row for `insert_tasks`: checked values, payload as JSON text."""

    id: UUID
    kind: str
    payload: str
    queue: str
    priority: int
    max_attempts: int
    title: str = ""
    run_id: UUID | None = None
    owner_id: UUID | None = None
    subject: str | None = None
    run_at: datetime | None = None


# A task's id and the number of one claim of it: what every write of a worker is fenced by.
Attempt: TypeAlias = tuple[UUID, int]


class Claimed(NamedTuple):
    """A task in a worker's hands. `attempt` is its fencing token; `payload` is JSON text."""

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


class Moved(NamedTuple):
    id: UUID
    queue: str
    state: str


# The ordinal keeps the order of one batch: its rows share now().
_INSERT = text(
    """
    INSERT INTO tasks (id, kind, payload, queue, priority, max_attempts, title, run_id, owner_id, subject, run_at,
                       state, queued_at)
    SELECT n.id, n.kind, n.payload, n.queue, n.priority, n.max_attempts, n.title, n.run_id, n.owner_id, n.subject,
           n.run_at,
           CASE WHEN CAST(:paused AS bool) THEN 'paused'
                WHEN n.run_at > coalesce(CAST(:now AS timestamptz), now()) THEN 'scheduled' ELSE 'queued' END,
           coalesce(CAST(:now AS timestamptz), now()) + n.place * interval '1 microsecond'
    FROM unnest(CAST(:id AS uuid[]), CAST(:kind AS text[]), CAST(:payload AS jsonb[]), CAST(:queue AS text[]),
                CAST(:priority AS int[]), CAST(:max_attempts AS int[]), CAST(:title AS text[]),
                CAST(:run_id AS uuid[]), CAST(:owner_id AS uuid[]), CAST(:subject AS text[]),
                CAST(:run_at AS timestamptz[]))
         WITH ORDINALITY AS n(id, kind, payload, queue, priority, max_attempts, title, run_id, owner_id, subject,
                              run_at, place)
    """
)


async def insert_tasks(
    session: WriteSession, tasks: list[NewTask], *, paused: bool = False, now: datetime | None = None
) -> None:
    """One INSERT; `paused` puts them into a paused run."""
    columns = {name: [getattr(task, name) for task in tasks] for name in NewTask.__struct_fields__}
    await session.execute(_INSERT, {**columns, "paused": paused, "now": now})


# The planner walks tasks_ready_idx, whose order this ORDER BY is, and stops at the limit. Claimed rows are
# skipped, not waited for. A kind this worker does not know stays for one that does (old code during a deploy).
_CLAIM = text(
    """
    UPDATE tasks t
    SET state = 'running', attempt = t.attempt + 1, worker_id = :worker, reason = NULL,
        lease_expires_at = coalesce(CAST(:now AS timestamptz), now()) + CAST(:lease AS interval),
        started_at = coalesce(t.started_at, :now, now())
    FROM (SELECT id FROM tasks
          WHERE state = 'queued' AND queue = :queue AND kind = ANY(CAST(:kinds AS text[]))
          ORDER BY priority DESC, queued_at
          LIMIT :limit
          FOR NO KEY UPDATE SKIP LOCKED) c
    WHERE t.id = c.id
    RETURNING t.id, t.attempt, t.kind, CAST(t.payload AS text), t.queue, t.run_id, t.owner_id, t.subject, t.title,
              t.failures, t.max_attempts, t.round
    """
)


async def claim_tasks(
    session: WriteSession,
    *,
    queue: str,
    kinds: list[str],
    worker: UUID,
    limit: int,
    lease: timedelta,
    now: datetime | None = None,
) -> list[Claimed]:
    """At most `limit` ready tasks of `queue`, highest priority and longest wait first, leased to `worker`."""
    rows = await session.execute(
        _CLAIM,
        {"queue": queue, "kinds": kinds, "worker": worker, "limit": limit, "lease": lease, "now": now},
    )
    return [Claimed(*row) for row in rows]


# Fenced by (id, attempt, running): what is not returned was lost to another worker or taken away by a person.
_FINISH = text(
    """
    WITH f AS (
      SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:attempts AS int[]), CAST(:states AS text[]),
                           CAST(:results AS jsonb[]), CAST(:errors AS jsonb[]), CAST(:delays AS float8[]),
                           CAST(:reasons AS text[]), CAST(:failed AS bool[]))
                    AS f(id, attempt, state, result, error, delay, reason, failed)),
    mine AS (
      SELECT t.id FROM tasks t JOIN f USING (id)
      WHERE t.attempt = f.attempt AND t.state = 'running'
      ORDER BY t.id FOR NO KEY UPDATE OF t)
    UPDATE tasks t
    SET state = f.state,
        result = f.result,
        error = coalesce(f.error, t.error),
        reason = f.reason,
        failures = t.failures + CASE WHEN f.failed THEN 1 ELSE 0 END,
        run_at = coalesce(CAST(:now AS timestamptz), now()) + f.delay * interval '1 second',
        finished_at = CASE WHEN f.state IN ('succeeded', 'dead_letter')
                           THEN coalesce(CAST(:now AS timestamptz), now()) END,
        lease_expires_at = NULL,
        worker_id = NULL
    FROM f JOIN mine USING (id)
    WHERE t.id = f.id AND t.attempt = f.attempt AND t.state = 'running'
    RETURNING t.id
    """
)


async def finish_tasks(session: WriteSession, outcomes: list[Outcome], *, now: datetime | None = None) -> set[UUID]:
    """Write how tries ended, as one statement. Returns the ids that were still this worker's."""
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
            "now": now,
        },
    )
    return set(rows.scalars())


_EXTEND = text(
    """
    WITH mine AS (
      SELECT t.id FROM tasks t
      JOIN unnest(CAST(:ids AS uuid[]), CAST(:attempts AS int[])) AS h(id, attempt) USING (id)
      WHERE t.attempt = h.attempt AND t.state = 'running'
      ORDER BY t.id FOR NO KEY UPDATE OF t)
    UPDATE tasks t SET lease_expires_at = coalesce(CAST(:now AS timestamptz), now()) + CAST(:lease AS interval)
    FROM mine WHERE t.id = mine.id AND t.state = 'running'
    RETURNING t.id, t.attempt
    """
)


async def extend_leases(
    session: WriteSession, held: list[Attempt], lease: timedelta, *, now: datetime | None = None
) -> set[Attempt]:
    """Renew the leases of the attempts in hand; returns those still held."""
    ids, attempts = [id for id, _ in held], [attempt for _, attempt in held]
    rows = await session.execute(_EXTEND, {"ids": ids, "attempts": attempts, "lease": lease, "now": now})
    return {(row[0], row[1]) for row in rows}


async def move_tasks(
    session: WriteSession,
    verb: TaskVerb,
    which: ColumnElement[bool],
    *,
    to: TaskState | None = None,
    reason: str | None = None,
    priority: int | None = None,
    limit: int | None = None,
    skip_locked: bool = False,
    now: datetime | None = None,
) -> list[Moved]:
    """Move every task that matches `which` and is in a state `verb` leads from. Returns those moved.

    For people, the sweeper and holds; a worker's own verbs are `claim_tasks` and `finish_tasks`.

    Args:
        to: one of the verb's targets; the usual one by default.
        priority: raised to this, never lowered.
        skip_locked: leave alone what another transaction is moving.
    """
    moves = TASK_MACHINE.moves[verb]
    target = to or moves.targets[0]
    if target not in moves.targets:
        raise ValueError(f"{verb} does not lead to {target}")
    at: ColumnElement[datetime] = func.now() if now is None else literal(now, Task.run_at.type)
    sources = [state.value for state in moves.sources]
    chosen = (
        select(Task.id)
        .where(which, Task.state.in_(sources))
        .order_by(Task.id)
        .limit(limit)
        .with_for_update(key_share=True, skip_locked=skip_locked)
        .cte("chosen")
    )
    values: dict[Any, Any] = {
        Task.state: target.value,
        Task.reason: reason,
        Task.worker_id: null(),
        Task.lease_expires_at: null(),
        Task.finished_at: at if target in FINISHED else null(),
    }
    if verb is TaskVerb.UNPAUSE:
        values[Task.state] = case((Task.run_at > at, TaskState.SCHEDULED.value), else_=TaskState.QUEUED.value)
    elif target is TaskState.QUEUED and verb is not TaskVerb.REQUEUE:
        # A requeued task keeps its place; every other one waits from now.
        values |= {Task.queued_at: at, Task.run_at: null()}
    if verb in (TaskVerb.RETRY, TaskVerb.RESUME):
        # A fresh start by a person: all tries again, and refusals of earlier rounds no longer count.
        values |= {Task.failures: 0, Task.lease_losses: 0, Task.round: Task.round + 1}
    if priority is not None:
        values[Task.priority] = func.greatest(Task.priority, priority)
    unusual = target is not moves.targets[0] and verb is not TaskVerb.UNPAUSE
    if unusual:
        await session.execute(select(func.set_config("holdpoint.verb", verb.value, True)))
    rows = await session.execute(
        update(Task)
        .where(Task.id == chosen.c.id, Task.state.in_(sources))
        .values(values)
        .returning(Task.id, Task.queue, Task.state)
        .execution_options(synchronize_session=False)
    )
    moved = [Moved(*row) for row in rows]
    if unusual:
        await session.execute(select(func.set_config("holdpoint.verb", "", True)))
    return moved


# Of a run the queue knows its row's state, and no more.
_IN_CANCELLED_RUN = text(
    "SELECT EXISTS (SELECT FROM tasks t JOIN runs r ON r.id = t.run_id WHERE t.id = :id AND r.state = 'cancelled')"
)


async def in_cancelled_run(session: AsyncSession, task_id: UUID) -> bool:
    return bool((await session.execute(_IN_CANCELLED_RUN, {"id": task_id})).scalar_one())


# A lease that ran out: requeued in its place, or buried when that has happened too often in a row (a poison task).
# An attempt that stored a step made progress: with it the count begins anew.
_LOST = text(
    """
    WITH lost AS (
      SELECT t.id, CASE WHEN s.moved THEN 1 ELSE t.lease_losses + 1 END AS losses,
             NOT s.moved AND t.lease_losses + 1 >= :most AS poison
      FROM tasks t
      CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM task_steps s WHERE s.task_id = t.id AND s.attempt = t.attempt)
                          AS moved) s
      WHERE t.state = 'running' AND t.lease_expires_at < coalesce(CAST(:now AS timestamptz), now())
      ORDER BY t.id LIMIT :limit FOR NO KEY UPDATE OF t SKIP LOCKED)
    UPDATE tasks t
    SET state = CASE WHEN lost.poison THEN 'dead_letter' ELSE 'queued' END,
        lease_losses = lost.losses,
        reason = CASE WHEN lost.poison THEN 'Its worker was lost ' || :most || ' times.'
                      ELSE 'Its worker was lost.' END,
        error = CASE WHEN lost.poison
                     THEN jsonb_build_object('type', 'LeaseLost', 'message',
                                             'The worker running it disappeared ' || :most || ' times.')
                     ELSE t.error END,
        finished_at = CASE WHEN lost.poison THEN coalesce(CAST(:now AS timestamptz), now()) END,
        lease_expires_at = NULL, worker_id = NULL
    FROM lost WHERE t.id = lost.id
    RETURNING t.id, t.queue, t.state
    """
)


async def recover_lost(
    session: WriteSession, *, most: int, limit: int = 1000, now: datetime | None = None
) -> list[Moved]:
    """Take back tasks whose lease has run out; `most` lost leases bury one."""
    rows = await session.execute(_LOST, {"most": most, "limit": limit, "now": now})
    return [Moved(*row) for row in rows]


async def promote_due(session: WriteSession, *, limit: int = 1000, now: datetime | None = None) -> list[Moved]:
    """Scheduled and retrying tasks whose time has come become ready."""
    at: ColumnElement[datetime] = func.now() if now is None else literal(now, Task.run_at.type)
    return await move_tasks(session, TaskVerb.PROMOTE, Task.run_at <= at, limit=limit, skip_locked=True, now=now)


_STORE_STEP = text(
    """
    INSERT INTO task_steps (task_id, name, attempt, result)
    SELECT t.id, :name, t.attempt, CAST(:result AS jsonb) FROM tasks t
    WHERE t.id = :task_id AND t.attempt = :attempt AND t.state = 'running'
    ON CONFLICT DO NOTHING
    RETURNING task_id
    """
)


async def store_step(session: WriteSession, task_id: UUID, attempt: int, name: str, result: str) -> bool:
    """Remember a finished step (`result` is JSON text). False when the task is no longer this attempt's."""
    stored = await session.execute(
        _STORE_STEP, {"task_id": task_id, "attempt": attempt, "name": name, "result": result}
    )
    return stored.first() is not None


_STEPS = text("SELECT name, CAST(result AS text) FROM task_steps WHERE task_id = :task_id")


async def stored_steps(session: AsyncSession, task_id: UUID) -> dict[str, str]:
    """Finished steps of a task: name → result as JSON text."""
    rows: Any = await session.execute(_STEPS, {"task_id": task_id})
    return {row[0]: row[1] for row in rows}


async def step_of_attempt(session: AsyncSession, task_id: UUID, name: str, attempt: int) -> str | None:
    """The result (JSON text) of a step that this very attempt has stored."""
    found = await session.execute(
        select(cast(TaskStep.result, Text)).where(
            TaskStep.task_id == task_id, TaskStep.name == name, TaskStep.attempt == attempt
        )
    )
    return found.scalars().first()


async def write_progress(session: WriteSession, task_id: UUID, attempt: int, done: int, total: int, note: str) -> None:
    await session.execute(
        update(Task)
        .where(Task.id == task_id, Task.attempt == attempt, Task.state == TaskState.RUNNING)
        .values(progress={"done": done, "total": total, "note": note})
        .execution_options(synchronize_session=False)
    )
