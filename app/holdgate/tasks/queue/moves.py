"""The queue's statements: one function each, named by its result. Those of workers are in tasks/queue/claims.py.

Lock order, everywhere: runs, then limits by kind, then tasks by id, then approvals. Every statement here that locks
several tasks takes them in the order of their ids, or skips those that are locked. `follow_runs` alone shares a run's
lock after its tasks': whoever changes a run skips tasks that are locked, and so never waits for it. Times are the
database's; `now=` is for tests.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import (
    ColumnElement,
    Text,
    case,
    func,
    literal,
    literal_column,
    null,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import WriteSession
from holdgate.tasks.failures.fingerprints import digest
from holdgate.tasks.models import SHARE, Task
from holdgate.tasks.queue.lines import LINE, lined_up
from holdgate.tasks.states import FINISHED, TASK_MACHINE, TaskState, TaskVerb


class MovedTask(NamedTuple):
    id: UUID
    queue: str
    state: str


async def move_tasks(
    session: WriteSession,
    verb: TaskVerb,
    which: ColumnElement[bool],
    *,
    to: TaskState | None = None,
    reason: str | None = None,
    error: str | None = None,
    priority: int | None = None,
    payload: dict[str, Any] | None = None,
    delay: timedelta | None = None,
    limit: int | None = None,
    skip_locked: bool = False,
    now: datetime | None = None,
) -> list[MovedTask]:
    """Move every task that matches `which` and is in a state `verb` leads from. Returns those moved, as they are now:
    what would become ready in a paused run is paused, in a cancelled one cancelled.

    For people, the sweeper and holds; a worker's own verbs are `attempts.claim_tasks` and `finish_tasks`.

    Args:
        to: one of the verb's targets; the usual one by default.
        error: its type, for the dead letters; `reason` is its message.
        priority: raised to this, never lowered.
        payload: of RETRY: another one, checked.
        delay: how long a task that becomes scheduled waits.
        skip_locked: leave alone what another transaction is moving.
    """
    moves = TASK_MACHINE.moves[verb]
    target = to or moves.targets[0]
    if target not in moves.targets:
        raise ValueError(f"{verb} does not lead to {target}")
    at = _at(now)
    sources = [state.value for state in moves.sources]
    urgency = Task.priority if priority is None else func.greatest(Task.priority, priority)
    chosen = (
        select(
            Task.id,
            Task.queue,
            urgency.label("priority"),
            literal_column(SHARE).label("share"),
            func.holdgate_line(Task.kind, type_=Text).label("line"),
        )
        .where(which, Task.state.in_(sources))
        .order_by(Task.id)
        .limit(limit)
        .with_for_update(key_share=True, skip_locked=skip_locked)
        .cte("chosen")
    )
    values = _values(verb, target, at, reason, delay) | _error(verb, error, reason)
    if payload is not None:
        values[Task.payload] = payload
    if verb is TaskVerb.REQUEUE:
        values[Task.position] = func.holdgate_front(Task.queue, Task.priority, Task.position, LINE)
    elif target is TaskState.QUEUED:
        chosen = lined_up(chosen, at)
        values |= {Task.position: chosen.c.position, Task.limited: chosen.c.line != ""}
    if priority is not None:
        values[Task.priority] = urgency
    unusual = not TASK_MACHINE.is_usual(verb, target)
    if unusual:
        await session.execute(select(func.set_config("holdgate.verb", verb.value, True)))
    rows = await session.execute(
        update(Task)
        # The state again, and not as an index has it: just after a run was paused the planner believes that hardly any
        # task is, and would go through all of them once for every one that was chosen.
        .where(Task.id == chosen.c.id, Task.state.concat("").in_(sources))
        .values(values)
        .returning(Task.id, Task.queue, Task.state, Task.run_id)
        .execution_options(synchronize_session=False)
    )
    found = rows.all()
    moved = [MovedTask(*row[:3]) for row in found]
    if unusual:
        await session.execute(select(func.set_config("holdgate.verb", "", True)))
    in_runs = any(row.run_id is not None for row in found)
    if in_runs and target in (TaskState.QUEUED, TaskState.SCHEDULED) and verb is not TaskVerb.UNPAUSE:
        moved = await follow_runs(session, moved, skip_locked=skip_locked, now=now)
    return moved


def _values(
    verb: TaskVerb, target: TaskState, at: ColumnElement[datetime], reason: str | None, delay: timedelta | None
) -> dict[Any, Any]:
    """What a move writes, but for the place in the queue."""
    values: dict[Any, Any] = {
        Task.state: target.value,
        Task.reason: reason,
        Task.worker_id: null(),
        Task.lease_expires_at: null(),
        Task.finished_at: at if target in FINISHED else null(),
    }
    if verb is TaskVerb.UNPAUSE:
        values[Task.state] = case((Task.run_at > at, TaskState.SCHEDULED.value), else_=TaskState.QUEUED.value)
        values[Task.queued_at] = at
    elif target is TaskState.QUEUED and verb is not TaskVerb.REQUEUE:
        # A requeued task is as old as it was; every other one waits from now.
        values |= {Task.queued_at: at, Task.run_at: null()}
    elif delay is not None:
        values[Task.run_at] = at + delay
    if verb in (TaskVerb.RETRY, TaskVerb.RESUME):
        # A fresh start by a person: all tries again, and refusals of earlier rounds no longer count, nor a deadline
        # that has passed, which would bury the task at once.
        values |= {Task.failures: 0, Task.lease_losses: 0, Task.round: Task.round + 1}
        values[Task.deadline_at] = case((Task.deadline_at > at, Task.deadline_at))
    if verb is TaskVerb.HOLD:
        values[Task.lease_losses] = 0  # they count in a row, and here its worker was not lost
    return values


def _error(verb: TaskVerb, error: str | None, reason: str | None) -> dict[Any, Any]:
    if error is not None:
        return {
            Task.error: {"type": error, "message": reason or ""},
            Task.fingerprint: Task.kind + literal(":" + digest(error, reason or ""), Text()),
        }
    if verb is TaskVerb.RETRY:
        return dict.fromkeys((Task.fingerprint, Task.resolved_at, Task.resolved_by, Task.resolution), null())
    return {}


async def follow_runs(
    session: WriteSession, moved: list[MovedTask], *, skip_locked: bool = False, now: datetime | None = None
) -> list[MovedTask]:
    """The same tasks, where those that became ready have gone where their runs are: nobody may claim them meanwhile.

    Until this transaction ends their runs stay as they are. With `skip_locked` a run that somebody is changing just now
    is not waited for; its tasks follow by that change or the sweeper.
    """
    ready = [row.id for row in moved if row.state in (TaskState.QUEUED, TaskState.SCHEDULED)]
    if not ready:
        return moved
    runs = await lock_runs_of(session, ready, skip_locked=skip_locked)
    followed: dict[UUID, MovedTask] = {}
    for verb, ids, reason in (
        (TaskVerb.PAUSE, runs.paused, "Its run is paused."),
        (TaskVerb.CANCEL, runs.cancelled, "Its run was cancelled."),
    ):
        if ids:
            rows = await move_tasks(session, verb, Task.id.in_(ids), reason=reason, now=now)
            followed |= {row.id: row for row in rows}
    return [followed.get(row.id, row) for row in moved]


# Of a run the queue knows its row's state, and no more.
_IN_CANCELLED_RUN = text(
    "SELECT EXISTS (SELECT FROM tasks t JOIN runs r ON r.id = t.run_id WHERE t.id = :id AND r.state = 'cancelled')"
)


async def in_cancelled_run(session: AsyncSession, task_id: UUID) -> bool:
    return bool((await session.execute(_IN_CANCELLED_RUN, {"id": task_id})).scalar_one())


async def lock_task(session: WriteSession, task_id: UUID) -> Task | None:
    """The task as it is now; it stays so until the transaction ends."""
    found = await session.execute(
        select(Task).where(Task.id == task_id).with_for_update(key_share=True).execution_options(populate_existing=True)
    )
    return found.scalars().first()


async def tell_changes(session: WriteSession, changes: list[dict[str, Any]] | None) -> None:
    """What the log says of payloads that this transaction changes, until it is told otherwise."""
    text = "" if changes is None else msgspec.json.encode(changes).decode()
    await session.execute(select(func.set_config("holdgate.changes", text, True)))


class RunStates(NamedTuple):
    """Which of some tasks belong to a run that is cancelled or paused."""

    cancelled: list[UUID]
    paused: list[UUID]


_RUN_STATES = text(
    """
    WITH held AS (
      SELECT id, state FROM runs
      WHERE id IN (SELECT run_id FROM tasks WHERE id = ANY(CAST(:ids AS uuid[]))) ORDER BY id FOR SHARE)
    SELECT t.id, held.state FROM tasks t JOIN held ON held.id = t.run_id
    WHERE t.id = ANY(CAST(:ids AS uuid[])) AND held.state IN ('cancelled', 'paused')
    """
)
_RUN_STATES_AT_ONCE = text(_RUN_STATES.text.replace("FOR SHARE", "FOR SHARE SKIP LOCKED"))


async def lock_runs_of(session: WriteSession, ids: list[UUID], *, skip_locked: bool = False) -> RunStates:
    """Keep the runs of these tasks as they are until the transaction ends, before any of the tasks is locked."""
    found: dict[str, list[UUID]] = {"cancelled": [], "paused": []}
    for task_id, state in await session.execute(_RUN_STATES_AT_ONCE if skip_locked else _RUN_STATES, {"ids": ids}):
        found[state].append(task_id)
    return RunStates(found["cancelled"], found["paused"])


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
                     THEN jsonb_build_object('type', 'LeaseLost', 'message', CAST(:message AS text))
                     ELSE t.error END,
        fingerprint = CASE WHEN lost.poison THEN t.kind || ':' || :digest ELSE t.fingerprint END,
        finished_at = CASE WHEN lost.poison THEN coalesce(CAST(:now AS timestamptz), now()) END,
        position = CASE WHEN lost.poison THEN t.position ELSE holdgate_front(
                                                                 t.queue, t.priority, t.position,
                                                                 CASE WHEN t.limited THEN t.kind ELSE '' END) END,
        lease_expires_at = NULL, worker_id = NULL
    FROM lost WHERE t.id = lost.id
    RETURNING t.id, t.queue, t.state
    """
)


async def recover_lost(
    session: WriteSession, *, most: int, limit: int = 1000, now: datetime | None = None
) -> list[MovedTask]:
    """Take back tasks whose lease has run out; `most` lost leases bury one."""
    message = f"The worker running it disappeared {most} times."
    values = {"most": most, "limit": limit, "message": message, "digest": digest("LeaseLost", message), "now": now}
    rows = await session.execute(_LOST, values)
    return await follow_runs(session, [MovedTask(*row) for row in rows], skip_locked=True, now=now)


async def promote_due(session: WriteSession, *, limit: int = 1000, now: datetime | None = None) -> list[MovedTask]:
    """Scheduled and retrying tasks whose time has come become ready."""
    return await move_tasks(session, TaskVerb.PROMOTE, Task.run_at <= _at(now), limit=limit, skip_locked=True, now=now)


async def bury_overdue(session: WriteSession, *, limit: int = 1000, now: datetime | None = None) -> list[MovedTask]:
    """Tasks whose deadline has passed in nobody's hands, held ones too. A running one is ended by its worker."""
    return await move_tasks(
        session,
        TaskVerb.BURY,
        (Task.deadline_at <= _at(now)) & Task.finished_at.is_(None) & (Task.state != TaskState.RUNNING),
        reason="Its deadline passed before it was done.",
        error="DeadlinePassed",
        limit=limit,
        skip_locked=True,
        now=now,
    )


def _at(now: datetime | None) -> ColumnElement[datetime]:
    return func.now() if now is None else literal(now, Task.run_at.type)
