"""Statements about bulk actions and their tasks. An action's row is locked before any task (and runs before tasks)."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import ColumnElement, CursorResult, func, insert, literal, select, text, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.bulk.models import BulkAction, BulkEvent, BulkTask
from holdgate.bulk.states import BULK_MACHINE, OPEN, BulkMove
from holdgate.core.db import WriteSession
from holdgate.core.paging import Cursor, before_cursor, count_rows
from holdgate.tasks.models import Task


def at(now: datetime | None) -> ColumnElement[datetime]:
    return func.now() if now is None else literal(now, BulkAction.due_at.type)


async def time_limit(session: AsyncSession, limit: timedelta) -> None:
    """Let the database give up a statement of this transaction after `limit`; zero: never."""
    milliseconds = str(int(limit.total_seconds() * 1000))
    await session.execute(select(func.set_config("statement_timeout", milliseconds, True)))


async def act_as(session: WriteSession, actor: str) -> None:
    """Whom the event log names from here on in this transaction."""
    await session.execute(select(func.set_config("holdgate.actor", actor, True)))


async def database_time(session: AsyncSession) -> datetime:
    return (await session.execute(select(func.now()))).scalar_one()


async def count_by_state(session: AsyncSession, which: ColumnElement[bool]) -> dict[str, int]:
    """State → how many tasks match, counted for real."""
    rows = await session.execute(select(Task.state, func.count()).where(which).group_by(Task.state))
    return {row[0]: row[1] for row in rows}


async def insert_action(session: WriteSession, action: BulkAction) -> None:
    session.add(action)
    await session.flush()


async def insert_members(session: WriteSession, action_id: UUID, which: ColumnElement[bool], at: datetime) -> int:
    """Note every task that matches, as one statement: what matches later is not among them.

    Args:
        at: nothing created, or ended, after this moment.
    """
    members = select(literal(action_id), Task.id, Task.fingerprint, Task.priority).where(
        which, Task.created_at <= at, func.coalesce(Task.finished_at, at) <= at
    )
    done = await session.execute(
        insert(BulkTask).from_select(
            [BulkTask.action_id, BulkTask.task_id, BulkTask.fingerprint, BulkTask.priority], members
        )
    )
    return cast(CursorResult[Any], done).rowcount


async def move_action(
    session: WriteSession,
    action_id: UUID,
    move: BulkMove,
    *,
    scope: UUID | None = None,
    reason: str | None = None,
    now: datetime | None = None,
) -> bool:
    """The guarded UPDATE of an action's state. False: its state does not allow it (or it is somebody else's)."""
    moves = BULK_MACHINE.moves[move]
    target = moves.targets[0]
    rows = await session.execute(
        update(BulkAction)
        .where(BulkAction.id == action_id, _mine(scope), BulkAction.state.in_([s.value for s in moves.sources]))
        .values(
            state=target.value,
            reason=reason,
            due_at=at(now),
            finished_at=None if target in OPEN else at(now),
        )
        .returning(BulkAction.id)
        .execution_options(synchronize_session=False)
    )
    return rows.first() is not None


def _mine(scope: UUID | None) -> ColumnElement[bool]:
    return true() if scope is None else BulkAction.owner_id == scope


async def next_due(session: WriteSession, *, now: datetime | None = None) -> BulkAction | None:
    """The action that has waited longest for its turn, locked: nobody stops it in the middle of a chunk."""
    found = await session.execute(
        select(BulkAction)
        .where(BulkAction.state.in_([state.value for state in OPEN]), BulkAction.due_at <= at(now))
        .order_by(BulkAction.due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return found.scalars().first()


async def next_members(session: WriteSession, action: BulkAction, limit: int) -> list[UUID]:
    """The action's next tasks, in the order of their ids."""
    query = select(BulkTask.task_id).where(BulkTask.action_id == action.id).order_by(BulkTask.task_id).limit(limit)
    if action.cursor is not None:
        query = query.where(BulkTask.task_id > action.cursor)
    return list((await session.execute(query)).scalars())


_NOTE = text(
    """
    UPDATE bulk_tasks SET
      outcome = CASE WHEN task_id = ANY(CAST(:done AS uuid[])) THEN 'done' ELSE 'skipped' END,
      watch = CASE WHEN :canary AND task_id = ANY(CAST(:done AS uuid[])) THEN 'step' END
    WHERE action_id = :id AND task_id = ANY(CAST(:chunk AS uuid[]))
    """
)


async def note_chunk(
    session: WriteSession, action: BulkAction, chunk: list[UUID], done: list[UUID], due_at: ColumnElement[datetime]
) -> None:
    """What became of a chunk, with the action's progress: in the transaction that moved its tasks."""
    await session.execute(_NOTE, {"id": action.id, "chunk": chunk, "done": done, "canary": action.canary})
    await session.execute(
        update(BulkAction)
        .where(BulkAction.id == action.id)
        .values(
            done=BulkAction.done + len(done),
            skipped=BulkAction.skipped + len(chunk) - len(done),
            step=BulkAction.step + (1 if action.canary and done else 0),
            cursor=chunk[-1],
            due_at=due_at,
        )
        .execution_options(synchronize_session=False)
    )


async def postpone(session: WriteSession, action_id: UUID, due_at: ColumnElement[datetime]) -> None:
    await session.execute(
        update(BulkAction)
        .where(BulkAction.id == action_id)
        .values(due_at=due_at)
        .execution_options(synchronize_session=False)
    )


class Watched(NamedTuple):
    """A redriven task: how it stands now (`gone` when it was pruned), and whether it failed as it had before."""

    id: UUID
    watch: str
    state: str
    again: bool


# A retry takes the fingerprint off, so one that is there is of a new failure.
_WATCHED = text(
    """
    SELECT b.task_id, b.watch, coalesce(t.state, 'gone'), coalesce(t.fingerprint = b.fingerprint, false)
    FROM bulk_tasks b LEFT JOIN tasks t ON t.id = b.task_id
    WHERE b.action_id = :id AND b.watch IS NOT NULL
    """
)


async def watched(session: AsyncSession, action_id: UUID) -> list[Watched]:
    rows = await session.execute(_WATCHED, {"id": action_id})
    return [Watched(*row) for row in rows]


_UNWATCH = text("UPDATE bulk_tasks SET watch = NULL WHERE action_id = :id AND task_id = ANY(CAST(:ids AS uuid[]))")
_PASS = text("UPDATE bulk_tasks SET watch = 'passed' WHERE action_id = :id AND watch = 'step'")


async def unwatch(session: WriteSession, action_id: UUID, ids: list[UUID], failed: int) -> None:
    """These have ended; `failed` of them in the dead letters."""
    await session.execute(_UNWATCH, {"id": action_id, "ids": ids})
    if failed:
        await session.execute(
            update(BulkAction)
            .where(BulkAction.id == action_id)
            .values(failed=BulkAction.failed + failed)
            .execution_options(synchronize_session=False)
        )


_SUCCEEDED = text(
    """
    SELECT count(*) FROM (
      SELECT 1 FROM bulk_tasks b JOIN tasks t ON t.id = b.task_id
      WHERE b.action_id = :id AND b.outcome = 'done' AND t.state = 'succeeded' LIMIT :most) AS found
    """
)


async def count_succeeded(session: AsyncSession, action_id: UUID, most: int = 10_000) -> int:
    """How many of the tasks that it changed have succeeded by now, `most` at most."""
    found = await session.execute(_SUCCEEDED, {"id": action_id, "most": most})
    return int(found.scalar_one())


async def pass_over(session: WriteSession, action_id: UUID) -> None:
    """The end of this step's tasks is not waited for any more."""
    await session.execute(_PASS, {"id": action_id})


async def find_action(session: AsyncSession, action_id: UUID, scope: UUID | None) -> BulkAction | None:
    found = await session.execute(select(BulkAction).where(BulkAction.id == action_id, _mine(scope)))
    return found.scalars().first()


async def list_actions(
    session: AsyncSession, scope: UUID | None, place: Cursor | None, limit: int, *, oldest: bool = False
) -> list[BulkAction]:
    """Newest first, or `oldest` first, from behind `place`."""
    query = select(BulkAction).where(_mine(scope)).limit(limit)
    query = before_cursor(query, BulkAction.created_at, BulkAction.id, place, oldest=oldest)
    return list((await session.execute(query)).scalars())


async def count_actions(session: AsyncSession, scope: UUID | None) -> int | None:
    """None: too many to count."""
    return await count_rows(session, select(BulkAction).where(_mine(scope)))


async def events_of(session: AsyncSession, action_id: UUID) -> list[BulkEvent]:
    found = await session.execute(select(BulkEvent).where(BulkEvent.action_id == action_id).order_by(BulkEvent.id))
    return list(found.scalars())


_PRIORITIES = text(
    """
    SELECT DISTINCT priority FROM bulk_tasks
    WHERE action_id = :id AND outcome = 'done' AND priority IS NOT NULL LIMIT 2
    """
)


async def priority_before(session: AsyncSession, action_id: UUID) -> int | None:
    """Which priority the tasks it changed had; None when they had different ones, or it is not known any more."""
    found = list((await session.execute(_PRIORITIES, {"id": action_id})).scalars())
    return found[0] if len(found) == 1 else None


_FORGET_MEMBERS = text(
    """
    DELETE FROM bulk_tasks WHERE (action_id, task_id) IN (
      SELECT b.action_id, b.task_id FROM bulk_tasks b JOIN bulk_actions a ON a.id = b.action_id
      WHERE a.finished_at < coalesce(CAST(:now AS timestamptz), now()) - CAST(:retention AS interval)
      LIMIT :limit)
    """
)


async def forget_members(
    session: WriteSession, retention: timedelta, *, limit: int, now: datetime | None = None
) -> int:
    """The lists of tasks of actions that ended long ago; the actions themselves stay."""
    done = await session.execute(_FORGET_MEMBERS, {"retention": retention, "limit": limit, "now": now})
    return cast(CursorResult[Any], done).rowcount
