"""Statements about runs, and those that bring tasks into line with their run's state. Runs are locked first."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import (
    ColumnElement,
    case,
    column,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    table,
    text,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import WriteSession
from holdgate.core.paging import Cursor, before_cursor, count_rows
from holdgate.core.text.zones import UTC
from holdgate.runs.models import Run, RunEvent
from holdgate.runs.states import FOLLOW, RUN_MACHINE, RunState, RunVerb
from holdgate.tasks.models import Task
from holdgate.tasks.states import TASK_MACHINE, UNFINISHED, TaskState

SEARCHED = 1000  # so many of the newest are looked through for a name
# No states of their own, but shown as such: see runs/event_consumer.py. Of what has failed somebody has to see to it.
FINISHED = "finished"
FAILED = "failed"


def at(now: datetime | None) -> ColumnElement[datetime]:
    return func.now() if now is None else literal(now, Run.created_at.type)


async def insert_run(session: WriteSession, run_id: UUID, owner_id: UUID, name: str) -> None:
    await session.execute(insert(Run).values(id=run_id, owner_id=owner_id, name=name))


async def lock_run(session: WriteSession, run_id: UUID, scope: UUID | None) -> Run | None:
    """The run, unchangeable by others until this transaction ends; other readers and adders go on."""
    found = await session.execute(select(Run).where(Run.id == run_id, _mine(scope)).with_for_update(read=True))
    return found.scalars().first()


def _mine(scope: UUID | None) -> ColumnElement[bool]:
    return true() if scope is None else Run.owner_id == scope


async def move_run(
    session: WriteSession, run_id: UUID, verb: RunVerb, scope: UUID | None, *, now: datetime | None = None
) -> RunState | None:
    """The guarded UPDATE of a run's state; its tasks follow (`settled_at` NULL: not all have). None: not allowed."""
    move = RUN_MACHINE.moves[verb]
    rows = await session.execute(
        update(Run)
        .where(Run.id == run_id, _mine(scope), Run.state.in_([s.value for s in move.sources]))
        .values(state=move.targets[0].value, changed_at=at(now), settled_at=None)
        .returning(Run.state)
        .execution_options(synchronize_session=False)
    )
    state = rows.scalars().first()
    return None if state is None else RunState(state)


async def rename_run(session: WriteSession, run_id: UUID, scope: UUID | None, name: str) -> bool:
    """False: no such run, or somebody else's."""
    mine = (Run.id == run_id, _mine(scope))
    renamed = await session.execute(update(Run).where(*mine).values(name=name).returning(Run.id))
    return renamed.first() is not None


# By the run's own tasks, and not as an index has their state: just after many were moved the planner believes hardly
# any task to be in the state it was in, and would go through all of those once for every run.
_BEHIND = or_(
    *(
        (Run.state == state.value)
        & exists().where(
            Task.run_id == Run.id,
            Task.state.concat("").in_([each.value for each in TASK_MACHINE.moves[verb].sources]),
        )
        for state, verb in FOLLOW.items()
    )
)


async def runs_behind(session: AsyncSession, *, limit: int) -> list[UUID]:
    """Some of the runs whose tasks do not agree with them; those that changed first before others."""
    unsettled = select(Run.id).where(Run.settled_at.is_(None), _BEHIND).order_by(Run.changed_at).limit(limit)
    return list((await session.execute(unsettled)).scalars())


async def lock_state(session: WriteSession, run_id: UUID) -> RunState | None:
    """The state of a run, which nobody can change before this transaction ends. None: somebody is changing it."""
    found = await session.execute(
        select(Run.state).where(Run.id == run_id).with_for_update(key_share=True, skip_locked=True)
    )
    state = found.scalars().first()
    return None if state is None else RunState(state)


async def settle_runs(session: WriteSession, *, limit: int, now: datetime | None = None) -> None:
    """The tasks of these runs agree, so nobody looks at them any more. A little later than the change, so that no older
    transaction can still add one; of a paused run a day, in which a worker of the release before may put one back."""
    wait = case((Run.state == RunState.PAUSED, timedelta(days=1)), else_=timedelta(seconds=30))
    done = select(Run.id).where(Run.settled_at.is_(None), Run.changed_at < at(now) - wait, ~_BEHIND)
    done = done.order_by(Run.changed_at).limit(limit).with_for_update(key_share=True, skip_locked=True)
    await session.execute(
        update(Run).where(Run.id.in_(done)).values(settled_at=at(now)).execution_options(synchronize_session=False)
    )


async def get_run(session: AsyncSession, run_id: UUID) -> Run:
    """As it is in the table now."""
    return await session.get_one(Run, run_id, populate_existing=True)


class RunFilter(msgspec.Struct, frozen=True):
    """Which runs: in a state as pages show it, `finished` and `failed` being two; with `q` in their name, or as their
    id; with a task of a kind; of an owner, by address or id; started from the day `since` until the end of `until`, by
    the calendar of `zone`."""

    state: str = ""
    q: str = ""
    kind: str = ""
    owner: str = ""
    since: date | None = None
    until: date | None = None
    zone: ZoneInfo = UTC

    def params(self) -> list[tuple[str, str]]:
        """As URL parameters."""
        days = [(name, day.isoformat() if day else "") for name, day in (("since", self.since), ("until", self.until))]
        return [("state", self.state), ("q", self.q), ("kind", self.kind), ("owner", self.owner), *days]


async def list_runs(
    session: AsyncSession,
    scope: UUID | None,
    place: Cursor | None,
    limit: int,
    *,
    wanted: RunFilter = RunFilter(),  # noqa: B008
    oldest: bool = False,
) -> list[Run]:
    """Newest first, or `oldest` first, from behind `place`."""
    query = select(Run).where(_mine(scope), Run.deleted_at.is_(None)).limit(limit)
    if wanted.state in (FINISHED, FAILED):
        query = query.where(Run.state == RunState.ACTIVE, Run.finished_at.is_not(None))
        query = query.where(_FAILED) if wanted.state == FAILED else query
    elif wanted.state == RunState.ACTIVE:
        query = query.where(Run.state == RunState.ACTIVE, Run.finished_at.is_(None))
    elif wanted.state:
        query = query.where(Run.state == wanted.state)
    if wanted.q:
        query = query.where(_like(wanted.q))
    query = query.where(*_further(wanted))
    query = before_cursor(query, Run.created_at, Run.id, place, oldest=oldest)
    return list((await session.execute(query)).scalars())


async def count_runs(session: AsyncSession, scope: UUID | None) -> int | None:
    """None: too many to count."""
    return await count_rows(session, select(Run).where(_mine(scope), Run.deleted_at.is_(None)))


_users, _lanes = table("users", column("id"), column("email")), table("lanes", column("run_id"), column("kind"))


def _further(wanted: RunFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.kind:
        yield Run.id.in_(select(_lanes.c.run_id).where(_lanes.c.kind == wanted.kind, _lanes.c.run_id.is_not(None)))
    if wanted.owner:
        same = func.lower(_users.c.email) == wanted.owner.lower()
        yield Run.owner_id == (_id_of(wanted.owner) or select(_users.c.id).where(same).scalar_subquery())
    if wanted.since:
        yield Run.created_at >= datetime.combine(wanted.since, time.min, wanted.zone)
    if wanted.until:
        yield Run.created_at < datetime.combine(wanted.until + timedelta(days=1), time.min, wanted.zone)


_FAILED = exists().where(Task.run_id == Run.id, Task.state == TaskState.DEAD_LETTER, Task.resolved_at.is_(None))


def _like(words: str) -> ColumnElement[bool]:
    if (run_id := _id_of(words)) is not None:
        return Run.id == run_id
    return Run.name.icontains(words, autoescape=True)


def _id_of(words: str) -> UUID | None:
    try:
        return UUID(words)
    except ValueError:
        return None


_FOLLOWED = text("DELETE FROM run_times WHERE run_id = :id"), text("DELETE FROM run_minutes WHERE run_id = :id")


async def has_unfinished(session: AsyncSession, run_id: UUID) -> bool:
    """Whether any of its tasks has not ended."""
    open_ones = exists().where(Task.run_id == run_id, Task.state.in_([state.value for state in UNFINISHED]))
    return bool(await session.scalar(select(open_ones)))


async def mark_deleted(session: WriteSession, run_id: UUID, scope: UUID | None, *, now: datetime | None = None) -> bool:
    """False: no such run, somebody else's, or it is deleted already."""
    gone = update(Run).where(Run.id == run_id, _mine(scope), Run.deleted_at.is_(None)).values(deleted_at=at(now))
    return (await session.execute(gone.returning(Run.id))).first() is not None


async def deleted_run(session: WriteSession) -> UUID | None:
    """A deleted run of which tasks may be left to delete, the first that was deleted."""
    waiting = (Run.deleted_at.is_not(None), Run.emptied_at.is_(None))
    query = select(Run.id).where(*waiting).order_by(Run.deleted_at).limit(1)
    return (await session.execute(query)).scalars().first()


async def settle_deleted(session: WriteSession, run_id: UUID, *, now: datetime | None = None) -> None:
    """All of its tasks that may go have gone: so does the run, but for one of which tasks are kept."""
    kept = exists().where(Task.run_id == run_id)
    gone = await session.execute(delete(Run).where(Run.id == run_id, ~kept).returning(Run.id))
    if gone.first() is None:
        await session.execute(update(Run).where(Run.id == run_id).values(emptied_at=at(now)))
        return
    for statement in _FOLLOWED:
        await session.execute(statement, {"id": run_id})


async def runs_like(session: AsyncSession, scope: UUID | None, words: str, limit: int) -> list[Run]:
    """Recent runs with `words` in their name, or the one with this id; newest first."""
    newest = select(Run.id).where(_mine(scope)).order_by(Run.created_at.desc(), Run.id.desc()).limit(SEARCHED)
    run_id = _id_of(words)
    condition = Run.id == run_id if run_id else Run.id.in_(newest) & Run.name.icontains(words, autoescape=True)
    query = (
        select(Run)
        .where(condition, _mine(scope), Run.deleted_at.is_(None))
        .order_by(Run.created_at.desc(), Run.id.desc())
        .limit(limit)
    )
    return list((await session.execute(query)).scalars())


async def events_of(session: AsyncSession, run_id: UUID, limit: int = 100) -> list[RunEvent]:
    """What happened to the run, newest first."""
    rows = select(RunEvent).where(RunEvent.run_id == run_id).order_by(RunEvent.id.desc()).limit(limit)
    return list((await session.execute(rows)).scalars())
