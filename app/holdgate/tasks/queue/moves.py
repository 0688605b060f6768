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
    CTE,
    BigInteger,
    ColumnElement,
    Text,
    case,
    delete,
    func,
    literal,
    literal_column,
    null,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import WriteSession
from holdgate.tasks.failures.fingerprints import digest
from holdgate.tasks.models import SHARE, Task, TaskStep
from holdgate.tasks.requests import TaskInsert
from holdgate.tasks.states import FINISHED, TASK_MACHINE, UNFINISHED, TaskState, TaskVerb


class MovedTask(NamedTuple):
    id: UUID
    queue: str
    state: str


# The ordinal keeps the order of one batch: its rows share now(), and each share is looked up once.
_INSERT = text(
    """
    WITH n AS (
      SELECT n.*, coalesce(run_id, owner_id, CAST('00000000-0000-0000-0000-000000000000' AS uuid)) AS share,
             coalesce(l.kind, '') AS line
      FROM unnest(CAST(:id AS uuid[]), CAST(:kind AS text[]), CAST(:payload AS jsonb[]), CAST(:queue AS text[]),
                  CAST(:priority AS int[]), CAST(:max_attempts AS int[]), CAST(:title AS text[]),
                  CAST(:run_id AS uuid[]), CAST(:owner_id AS uuid[]), CAST(:subject AS text[]),
                  CAST(:run_at AS timestamptz[]), CAST(:deadline_at AS timestamptz[]))
           WITH ORDINALITY AS n(id, kind, payload, queue, priority, max_attempts, title, run_id, owner_id, subject,
                                run_at, deadline_at, ordinal)
           LEFT JOIN kind_limits l ON l.kind = n.kind AND l.limited),
    places AS MATERIALIZED (
      SELECT queue, priority, share, line,
             holdgate_place(queue, priority, share, coalesce(CAST(:now AS timestamptz), now()), line) AS place
      FROM (SELECT DISTINCT queue, priority, share, line FROM n) AS shares)
    INSERT INTO tasks (id, kind, payload, queue, priority, max_attempts, title, run_id, owner_id, subject, run_at,
                       deadline_at, state, queued_at, position, limited)
    SELECT n.id, n.kind, n.payload, n.queue, n.priority, n.max_attempts, n.title, n.run_id, n.owner_id, n.subject,
           n.run_at, n.deadline_at,
           CASE WHEN CAST(:paused AS bool) THEN 'paused'
                WHEN n.run_at > coalesce(CAST(:now AS timestamptz), now()) THEN 'scheduled' ELSE 'queued' END,
           coalesce(CAST(:now AS timestamptz), now()) + n.ordinal * interval '1 microsecond',
           places.place + row_number() OVER (PARTITION BY n.queue, n.priority, n.share, n.line
                                            ORDER BY n.ordinal),
           n.line <> ''
    FROM n JOIN places USING (queue, priority, share, line)
    """
)


async def insert_tasks(
    session: WriteSession, tasks: list[TaskInsert], *, paused: bool = False, now: datetime | None = None
) -> None:
    """One INSERT; `paused` puts them into a paused run."""
    columns = {name: [getattr(task, name) for task in tasks] for name in TaskInsert.__struct_fields__}
    await session.execute(_INSERT, {**columns, "paused": paused, "now": now})


# In which line a task stands, if it is ready: the free one, or that of its limited kind.
_LINE = case((Task.limited, Task.kind), else_="")


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
    at: ColumnElement[datetime] = func.now() if now is None else literal(now, Task.run_at.type)
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
        if payload is not None:
            values[Task.payload] = payload
    if verb is TaskVerb.HOLD:
        values[Task.lease_losses] = 0  # they count in a row, and here its worker was not lost
    if error is not None:
        values[Task.error] = {"type": error, "message": reason or ""}
        values[Task.fingerprint] = Task.kind + literal(":" + digest(error, reason or ""), Text())
    elif verb is TaskVerb.RETRY:
        values |= {
            Task.fingerprint: null(),
            Task.resolved_at: null(),
            Task.resolved_by: null(),
            Task.resolution: null(),
        }
    if verb is TaskVerb.REQUEUE:
        values[Task.position] = func.holdgate_front(Task.queue, Task.priority, Task.position, _LINE)
    elif target is TaskState.QUEUED:
        chosen = _lined_up(chosen, at)
        values |= {Task.position: chosen.c.position, Task.limited: chosen.c.line != ""}
    if priority is not None:
        values[Task.priority] = func.greatest(Task.priority, priority)
    unusual = target is not moves.targets[0] and verb is not TaskVerb.UNPAUSE
    if unusual:
        await session.execute(select(func.set_config("holdgate.verb", verb.value, True)))
    rows = await session.execute(
        update(Task)
        # The state again, and not as an index has it: just after a run was paused the planner believes that hardly any
        # task is, and would go through all of them once for every one that was chosen.
        .where(Task.id == chosen.c.id, Task.state.concat("").in_(sources))
        .values(values)
        .returning(Task.id, Task.queue, Task.state)
        .execution_options(synchronize_session=False)
    )
    moved = [MovedTask(*row) for row in rows]
    if unusual:
        await session.execute(select(func.set_config("holdgate.verb", "", True)))
    if target in (TaskState.QUEUED, TaskState.SCHEDULED) and verb is not TaskVerb.UNPAUSE:
        moved = await follow_runs(session, moved, skip_locked=skip_locked, now=now)
    return moved


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


async def has_steps(session: AsyncSession, task_id: UUID) -> bool:
    return (
        await session.execute(select(TaskStep.name).where(TaskStep.task_id == task_id).limit(1))
    ).first() is not None


async def forget_steps(session: WriteSession, task_id: UUID) -> None:
    await session.execute(delete(TaskStep).where(TaskStep.task_id == task_id))


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


async def set_priority(
    session: WriteSession,
    which: ColumnElement[bool],
    priority: int,
    *,
    reason: str = "",
    now: datetime | None = None,
) -> list[UUID]:
    """Give unfinished tasks this priority. Returns all that match, also those that had it already.

    What is ready lines up behind its share at the new priority; `reason` is for the log.
    """
    at: ColumnElement[datetime] = func.now() if now is None else literal(now, Task.run_at.type)
    sources = [state.value for state in UNFINISHED]
    new = literal(priority, Task.priority.type)
    chosen = (
        select(
            Task.id,
            Task.queue,
            Task.state,
            Task.priority.label("before"),
            new.label("priority"),
            literal_column(SHARE).label("share"),
            _LINE.label("line"),
        )
        .where(which, Task.state.in_(sources))
        .order_by(Task.id)
        .with_for_update(key_share=True)
        .cte("chosen")
    )
    ready = select(chosen).where(chosen.c.state == TaskState.QUEUED, chosen.c.before != new).cte("ready")
    lined = _lined_up(ready, at)
    placed = (
        select(chosen.c.id, lined.c.position).outerjoin_from(chosen, lined, lined.c.id == chosen.c.id).cte("placed")
    )
    await session.execute(select(func.set_config("holdgate.reason", reason, True)))
    rows = await session.execute(
        update(Task)
        .where(Task.id == placed.c.id, Task.state.in_(sources))
        .values(
            {
                Task.priority: priority,
                Task.position: func.coalesce(placed.c.position, Task.position),
            }
        )
        .returning(Task.id)
        .execution_options(synchronize_session=False)
    )
    found = list(rows.scalars())
    await session.execute(select(func.set_config("holdgate.reason", "", True)))
    return found


async def resolve_tasks(
    session: WriteSession, which: ColumnElement[bool], by: str, reason: str, *, now: datetime | None = None
) -> list[UUID]:
    """Mark dead letters as dealt with; a retry takes the mark off. Returns those that had none."""
    at: ColumnElement[datetime] = func.now() if now is None else literal(now, Task.run_at.type)
    open_ = (Task.state == TaskState.DEAD_LETTER) & Task.resolved_at.is_(None)
    chosen = select(Task.id).where(which, open_).order_by(Task.id).with_for_update(key_share=True).cte("chosen")
    rows = await session.execute(
        update(Task)
        .where(Task.id == chosen.c.id, Task.state.concat("") == TaskState.DEAD_LETTER, Task.resolved_at.is_(None))
        .values(resolved_at=at, resolved_by=by, resolution=reason)
        .returning(Task.id)
        .execution_options(synchronize_session=False)
    )
    return list(rows.scalars())


def _lined_up(chosen: CTE, at: ColumnElement[datetime]) -> CTE:
    """The chosen tasks with their new places, each behind the last of its share. Every share is looked up once."""
    shares = select(chosen.c.queue, chosen.c.priority, chosen.c.share, chosen.c.line).distinct().cte("shares")
    place = func.holdgate_place(shares.c.queue, shares.c.priority, shares.c.share, at, shares.c.line, type_=BigInteger)
    places = (
        select(shares.c.queue, shares.c.priority, shares.c.share, shares.c.line, place.label("place"))
        .cte("places")
        .prefix_with("MATERIALIZED")
    )
    share = (chosen.c.queue, chosen.c.priority, chosen.c.share, chosen.c.line)
    number = func.row_number().over(partition_by=share, order_by=chosen.c.id)
    same = tuple_(*share) == tuple_(places.c.queue, places.c.priority, places.c.share, places.c.line)
    return (
        select(chosen.c.id, chosen.c.line, (places.c.place + number).label("position"))
        .join(places, same)
        .cte("lined_up")
    )


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
    at: ColumnElement[datetime] = func.now() if now is None else literal(now, Task.run_at.type)
    return await move_tasks(session, TaskVerb.PROMOTE, Task.run_at <= at, limit=limit, skip_locked=True, now=now)


async def bury_overdue(session: WriteSession, *, limit: int = 1000, now: datetime | None = None) -> list[MovedTask]:
    """Tasks whose deadline has passed in nobody's hands, held ones too. A running one is ended by its worker."""
    at: ColumnElement[datetime] = func.now() if now is None else literal(now, Task.deadline_at.type)
    return await move_tasks(
        session,
        TaskVerb.BURY,
        (Task.deadline_at <= at) & Task.finished_at.is_(None) & (Task.state != TaskState.RUNNING),
        reason="Its deadline passed before it was done.",
        error="DeadlinePassed",
        limit=limit,
        skip_locked=True,
        now=now,
    )
