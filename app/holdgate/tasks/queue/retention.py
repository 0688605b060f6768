"""Retention: finished tasks and what belongs to them are deleted after a time, a few at once.

The steps, approvals and links of a task go with it (ON DELETE CASCADE). The counts stay right: the trigger logs the
deletion and the rollup folds it. An event may go only when it is folded and every follower of the log has read it, or
it would never be counted. What people did stays in the log after its task, for the audit, which has its own retention.

Much that is old may be kept, so retention walks over the old tasks once and goes on from where it was; each day it
begins anew, for what has ended or been resolved meanwhile, and for other settings.
"""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import (
    ColumnElement,
    and_,
    exists,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import WriteSession
from holdgate.feature import parts
from holdgate.tasks.models import Task
from holdgate.tasks.queue.models import RetentionWalk
from holdgate.tasks.states import FINISHED, TaskState

WALK = "tasks"
ANEW = timedelta(days=1)
WEEK = timedelta(days=7)
START = UUID(int=0)

_DELETE = text("DELETE FROM tasks WHERE id = ANY(CAST(:ids AS uuid[]))")
# The rows go with their task (ON DELETE CASCADE); the files are removed once that has committed.
_FILES = text("DELETE FROM artifacts WHERE task_id = ANY(CAST(:ids AS uuid[])) RETURNING key")
# Up to where the log is read: by the rollup, and by the one of its followers that is furthest behind. People's lines
# are the audit's; who enqueues is nobody whom the audit asks for, and would be a line for each task of a program.
_EVENTS = text(
    """
    DELETE FROM task_log WHERE task_id = ANY(CAST(:ids AS uuid[])) AND (actor > 0 OR verb = 'enqueue')
      AND xid < (SELECT upto FROM rollup) AND xid < (SELECT upto FROM log_followers ORDER BY upto LIMIT 1)
    """
)
# The line "delete" stays as long again, and whatever was not read when its task went.
_TRACES = text(
    """
    DELETE FROM task_log
    WHERE xid < (SELECT upto FROM rollup) AND xid < (SELECT upto FROM log_followers ORDER BY upto LIMIT 1)
      AND (actor > 0 OR verb = 'enqueue')
      AND task_id IN (
        SELECT task_id FROM task_log
        WHERE to_state IS NULL AND actor > 0 AND xid < (SELECT upto FROM rollup)
          AND at < coalesce(CAST(:now AS timestamptz), now()) - CAST(:retention AS interval)
        ORDER BY at LIMIT :limit)
    """
)
_EMPTY_COUNTS = text("DELETE FROM task_counts WHERE n = 0")


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """How long what is finished is kept; None: for ever. A dead letter that is resolved, and on which nobody has
    decided, is a finished task like others."""

    finished: timedelta | None
    decided: timedelta | None = None
    dead_letters: timedelta | None = None

    @property
    def shortest(self) -> timedelta | None:
        return min(
            (each for each in (self.finished, self.decided, self.dead_letters) if each is not None), default=None
        )


class Old(NamedTuple):
    """Tasks whose time is over, and whether there may be more. `place`: where the walk was before."""

    ids: list[UUID]
    more: bool
    place: UUID


class Pruned(NamedTuple):
    """How many tasks went, the keys of their files, to be removed after the commit, and whether there may be more."""

    tasks: int
    files: list[str]
    more: bool = False


async def find_old(session: WriteSession, rules: Rules, *, limit: int, now: datetime | None = None) -> Old:
    """Go on with the walk over at most `limit` tasks. Of two at once one walks."""
    at, shortest = _at(now), rules.shortest
    place = None if shortest is None else await _place(session, now)
    if place is None or shortest is None:
        return Old([], False, START)
    # As old as their ids are: one whose clock was wrong is looked at a day early or late, and again the next day.
    old = Task.id < func.holdgate_first_id(at - shortest, 0)
    looked = select(Task.id).where(Task.id > place, old).order_by(Task.id).limit(limit)
    seen = (await session.execute(looked)).scalars().all()
    if seen:
        await move_walk(session, seen[-1])
    wanted = select(Task.id).where(Task.id.in_(seen), *_over(rules, at))
    ids = list((await session.execute(wanted)).scalars()) if seen else []
    return Old(ids, len(seen) == limit, place)


async def _place(session: WriteSession, now: datetime | None) -> UUID | None:
    """Where the walk is; None: somebody else walks."""
    at = _at(now)
    walk = select(RetentionWalk, RetentionWalk.began_at < at - ANEW).where(RetentionWalk.name == WALK)
    found = (await session.execute(walk.with_for_update(skip_locked=True))).one_or_none()
    begin = {"began_at": at, "id": START}
    if found is None:
        # Looked at first: to insert beside a row that somebody is changing waits for them.
        if await session.scalar(select(exists(walk.with_only_columns(RetentionWalk.name)))):
            return None
        new = insert(RetentionWalk).values(name=WALK, **begin).on_conflict_do_nothing().returning(RetentionWalk.name)
        return START if (await session.execute(new)).first() else None
    row, begins_anew = found
    if not begins_anew:
        return row.id
    await session.execute(update(RetentionWalk).where(RetentionWalk.name == WALK).values(begin))
    return START


async def move_walk(session: WriteSession, place: UUID) -> None:
    await session.execute(update(RetentionWalk).where(RetentionWalk.name == WALK).values(id=place))


async def delete_old(session: WriteSession, rules: Rules, ids: list[UUID], *, now: datetime | None = None) -> Pruned:
    """Delete those of the tasks whose time is still over, with their events."""
    locked = select(Task.id).where(Task.id.in_(ids), *_over(rules, _at(now))).with_for_update(skip_locked=True)
    found = list((await session.execute(locked)).scalars()) if ids else []
    files: list[str] = []
    if found:
        files = await delete_tasks(session, found)
    return Pruned(len(found), files)


async def discardable(session: AsyncSession, run_id: UUID, *, limit: int) -> list[UUID]:
    """Tasks of a run that have ended and on which nobody has decided."""
    query = select(Task.id).where(Task.run_id == run_id, *_discardable()).limit(limit)
    return list((await session.execute(query)).scalars())


async def delete_finished(session: WriteSession, ids: list[UUID]) -> list[str]:
    """Delete those of these tasks that have still ended undecided, and return the keys of their files."""
    locked = select(Task.id).where(Task.id.in_(ids), *_discardable()).with_for_update(skip_locked=True)
    found = list((await session.execute(locked)).scalars())
    return await delete_tasks(session, found) if found else []


def _discardable() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return Task.state.in_(FINISHED), not_(is_decided())


async def delete_tasks(session: WriteSession, ids: list[UUID]) -> list[str]:
    """Delete these tasks, and return the keys of their files."""
    files = list((await session.execute(_FILES, {"ids": ids})).scalars())
    await session.execute(_DELETE, {"ids": ids})
    await session.execute(_EVENTS, {"ids": ids})
    return files


async def forget_traces(session: WriteSession, rules: Rules, *, limit: int, now: datetime | None = None) -> None:
    """What the log still has of tasks that went a retention ago, and counts of nothing."""
    if rules.finished is not None:
        await session.execute(_TRACES, {"retention": rules.finished, "limit": limit, "now": now})
    await session.execute(_EMPTY_COUNTS)


async def prune_tasks(session: WriteSession, rules: Rules, *, limit: int = 500, now: datetime | None = None) -> Pruned:
    """Look at `limit` old tasks, and delete those whose time is over; when there are no more, what is left of some that
    went long ago."""
    old = await find_old(session, rules, limit=limit, now=now)
    if not old.more and not old.ids:
        await forget_traces(session, rules, limit=limit, now=now)
    return (await delete_old(session, rules, old.ids, now=now))._replace(more=old.more)


class Going(NamedTuple):
    """How many tasks of a sort there are, how many of them would go now and within a week, and since when the oldest
    that stays has ended."""

    sort: str
    there: int
    now: int
    week: int
    oldest: datetime | None


async def preview(session: AsyncSession, rules: Rules, *, now: datetime | None = None) -> list[Going]:
    """What would be deleted. It reads every finished task."""
    decided = is_decided()
    sorts = {
        "finished tasks": and_(not_(_DEAD), not_(decided)),
        "tasks with decisions": decided,
        "unresolved dead letters": and_(_DEAD, not_(decided)),
    }
    found = []
    for sort, condition in sorts.items():
        finished, over = _over(rules, _at(now))
        _, soon = _over(rules, _at(now) + WEEK)
        counted = select(
            func.count(),
            func.count().filter(over),
            func.count().filter(soon),
            func.min(_ENDED).filter(not_(func.coalesce(over, False))),
        ).where(finished, condition)
        found.append(Going(sort, *(await session.execute(counted)).one()))
    return found


_DEAD = and_(Task.state == TaskState.DEAD_LETTER, Task.resolved_at.is_(None))
_ENDED = func.greatest(Task.finished_at, Task.resolved_at)


def is_decided() -> ColumnElement[bool]:
    """Whether people have decided on the task, as a feature knows."""
    return or_(literal_column("false"), *parts("decided"))


def _over(rules: Rules, at: ColumnElement[datetime]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """The tasks whose time is over. Each of their sorts has to agree."""

    def before(kept: timedelta | None) -> ColumnElement[bool]:
        return literal_column("false") if kept is None else at - kept > _ENDED

    decided = is_decided()
    agreed = and_(
        or_(not_(_DEAD), before(rules.dead_letters)),
        or_(not_(decided), before(rules.decided)),
        or_(_DEAD, decided, before(rules.finished)),
    )
    return Task.state.in_(FINISHED), agreed


def _at(now: datetime | None) -> ColumnElement[datetime]:
    return func.now() if now is None else literal(now, Task.created_at.type)
