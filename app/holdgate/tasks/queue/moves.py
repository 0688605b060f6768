"""The queue's statements: one function each, named by its result. Those of workers are in tasks/queue/claims.py.

Lock order, everywhere: runs, then limits by kind, then tasks by id, then approvals. Every statement here that locks
several tasks takes them in the order of their ids, or skips those that are locked. `follow_runs` alone shares a run's
lock after its tasks': whoever changes a run skips tasks that are locked, and so never waits for it. Times are the
database's; `now=` is for tests.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypedDict, Unpack
from uuid import UUID

import msgspec
from sqlalchemy import (
    ColumnElement,
    Text,
    func,
    literal,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from holdgate.core.db import WriteSession
from holdgate.tasks.failures.fingerprints import digest
from holdgate.tasks.models import SHARE, Task
from holdgate.tasks.queue.lines import LINE, lined_up
from holdgate.tasks.queue.move_values import error_of, values_of
from holdgate.tasks.queue.run_states import lock_runs_of
from holdgate.tasks.states import TASK_MACHINE, TaskState, TaskVerb


class MovedTask(NamedTuple):
    id: UUID
    queue: str
    state: str


class Moving(msgspec.Struct, frozen=True):
    """A move that is still to be made. `statement` returns id, queue, state and run_id of each task that it moves."""

    verb: TaskVerb
    target: TaskState
    statement: ReturningUpdate[UUID, str, str, UUID | None]


class MoveOptions(TypedDict, total=False):
    """What may be said of a move.

    `to`: one of the verb's targets; the usual one by default. `error`: its type, for the dead letters; `reason` is its
    message. `priority`: raised to this, never lowered. `payload`: of RETRY: another one, checked. `delay`: how long a
    task that becomes scheduled waits.
    """

    to: TaskState | None
    reason: str | None
    error: str | None
    priority: int | None
    payload: dict[str, Any] | None
    delay: timedelta | None
    limit: int | None


async def move_tasks(
    session: WriteSession,
    verb: TaskVerb,
    which: ColumnElement[bool],
    *,
    skip_locked: bool = False,
    now: datetime | None = None,
    **options: Unpack[MoveOptions],
) -> list[MovedTask]:
    """Move every task that matches `which` and is in a state `verb` leads from. Returns those moved, as they are now:
    what would become ready in a paused run is paused, in a cancelled one cancelled.

    For people and the sweeper; a worker's own verbs are `attempts.claim_tasks` and `finish_tasks`, and to ask.

    Args:
        skip_locked: leave alone what another transaction is moving.
    """
    moving = moving_of(verb, which, skip_locked=skip_locked, now=now, **options)
    async with unusual(session, moving):
        rows = (await session.execute(moving.statement)).all()
    return await followed(session, moving, rows, skip_locked=skip_locked, now=now)


@asynccontextmanager
async def unusual(session: WriteSession, moving: Moving) -> AsyncIterator[None]:
    """Within, the log is told by which verb a task goes where mostly another one leads."""
    usual = TASK_MACHINE.is_usual(moving.verb, moving.target)
    if not usual:
        await session.execute(select(func.set_config("holdgate.verb", moving.verb.value, True)))
    yield
    if not usual:
        await session.execute(select(func.set_config("holdgate.verb", "", True)))


async def followed(
    session: WriteSession,
    moving: Moving,
    rows: Sequence[Any],
    *,
    skip_locked: bool = False,
    now: datetime | None = None,
) -> list[MovedTask]:
    """What has been moved (`rows` of the statement), once it has gone where its runs are."""
    moved = [MovedTask(*row[:3]) for row in rows]
    in_runs = any(row[3] is not None for row in rows)
    if in_runs and moving.target in (TaskState.QUEUED, TaskState.SCHEDULED) and moving.verb is not TaskVerb.UNPAUSE:
        moved = await follow_runs(session, moved, skip_locked=skip_locked, now=now)
    return moved


def moving_of(
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
) -> Moving:
    """The move that `move_tasks` makes, for who has more to write with it."""
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
    values = values_of(verb, target, at, reason, delay) | error_of(verb, error, reason)
    if payload is not None:
        values[Task.payload] = payload
    if verb is TaskVerb.REQUEUE:
        values[Task.position] = func.holdgate_front(Task.queue, Task.priority, Task.position, LINE)
    elif target is TaskState.QUEUED:
        chosen = lined_up(chosen, at)
        values |= {Task.position: chosen.c.position, Task.limited: chosen.c.line != ""}
    if priority is not None:
        values[Task.priority] = urgency
    return Moving(
        verb,
        target,
        update(Task)
        # The state again, and not as an index has it: just after a run was paused the planner believes that hardly any
        # task is, and would go through all of them once for every one that was chosen.
        .where(Task.id == chosen.c.id, Task.state.concat("").in_(sources))
        .values(values)
        .returning(Task.id, Task.queue, Task.state, Task.run_id)
        .execution_options(synchronize_session=False),
    )


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
