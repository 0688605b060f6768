"""Statements about runs, and those that bring tasks into line with their run's state. Runs are locked first."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, func, insert, literal, select, text, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import WriteSession
from app.core.paging import Cursor, from_behind
from app.runs.models import Run, RunEvent
from app.runs.states import RUN_MACHINE, RunState, RunVerb
from app.tasks.models import Task
from app.tasks.states import HOLDS, TaskState

SEARCHED = 1000  # so many of the newest are looked through for a name
FINISHED = "finished"  # no state of its own, but shown as one: see app/runs/following.py


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


async def unsettled_runs(session: AsyncSession) -> list[UUID]:
    """Runs whose tasks may not agree with them: all paused ones, and those changed a short time ago."""
    rows = await session.execute(select(Run.id).where(Run.settled_at.is_(None)).order_by(Run.changed_at))
    return list(rows.scalars())


async def lock_state(session: WriteSession, run_id: UUID) -> RunState | None:
    """The state of a run, which nobody can change before this transaction ends. None: somebody is changing it."""
    found = await session.execute(
        select(Run.state).where(Run.id == run_id).with_for_update(key_share=True, skip_locked=True)
    )
    state = found.scalars().first()
    return None if state is None else RunState(state)


async def settle_run(session: WriteSession, run_id: UUID, *, now: datetime | None = None) -> None:
    """Its tasks agree. A little later than the change, so that no older transaction can still add one."""
    await session.execute(
        update(Run)
        .where(
            Run.id == run_id,
            Run.state != RunState.PAUSED,
            Run.changed_at < at(now) - text("interval '30 seconds'"),
        )
        .values(settled_at=at(now))
        .execution_options(synchronize_session=False)
    )


async def find_run(session: AsyncSession, run_id: UUID, scope: UUID | None) -> Run | None:
    found = await session.execute(select(Run).where(Run.id == run_id, _mine(scope)))
    return found.scalars().first()


async def get_run(session: AsyncSession, run_id: UUID) -> Run:
    """As it is in the table now."""
    return await session.get_one(Run, run_id, populate_existing=True)


async def name_of(session: AsyncSession, run_id: UUID) -> str:
    return (await session.execute(select(Run.name).where(Run.id == run_id))).scalar_one()


async def holds_back(session: AsyncSession, task_id: UUID) -> bool:
    """Whether a paused run keeps the task from going on, now or as soon as a person has decided."""
    held = Task.state.in_([TaskState.PAUSED, *HOLDS])
    found = select(Run.id).join(Task, Task.run_id == Run.id)
    found = found.where(Task.id == task_id, held, Run.state == RunState.PAUSED)
    return (await session.execute(found)).first() is not None


async def names_of(session: AsyncSession, run_ids: Sequence[UUID]) -> dict[UUID, str]:
    rows = await session.execute(select(Run.id, Run.name).where(Run.id.in_(run_ids)))
    return {id: name for id, name in rows}


class RunFilter(msgspec.Struct, frozen=True):
    """Which runs: in a state as pages show it, `finished` being one; with `q` in their name, or as their id."""

    state: str = ""
    q: str = ""

    def params(self) -> list[tuple[str, str]]:
        """As URL parameters."""
        return [("state", self.state), ("q", self.q)]


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
    query = select(Run).where(_mine(scope)).limit(limit)
    if wanted.state == FINISHED:
        query = query.where(Run.state == RunState.ACTIVE, Run.finished_at.is_not(None))
    elif wanted.state == RunState.ACTIVE:
        query = query.where(Run.state == RunState.ACTIVE, Run.finished_at.is_(None))
    elif wanted.state:
        query = query.where(Run.state == wanted.state)
    if wanted.q:
        query = query.where(_like(wanted.q))
    query = from_behind(query, Run.created_at, Run.id, place, oldest=oldest)
    return list((await session.execute(query)).scalars())


def _like(words: str) -> ColumnElement[bool]:
    try:
        return Run.id == UUID(words)
    except ValueError:
        return Run.name.icontains(words, autoescape=True)


async def runs_like(session: AsyncSession, scope: UUID | None, words: str, limit: int) -> list[Run]:
    """Recent runs with `words` in their name, or the one with this id; newest first."""
    newest = select(Run.id).where(_mine(scope)).order_by(Run.created_at.desc(), Run.id.desc()).limit(SEARCHED)
    try:
        condition: ColumnElement[bool] = Run.id == UUID(words)
    except ValueError:
        condition = Run.id.in_(newest) & Run.name.icontains(words, autoescape=True)
    query = select(Run).where(condition, _mine(scope)).order_by(Run.created_at.desc(), Run.id.desc()).limit(limit)
    return list((await session.execute(query)).scalars())


async def events_of(session: AsyncSession, run_id: UUID, limit: int = 100) -> list[RunEvent]:
    """What happened to the run, newest first."""
    rows = select(RunEvent).where(RunEvent.run_id == run_id).order_by(RunEvent.id.desc()).limit(limit)
    return list((await session.execute(rows)).scalars())
