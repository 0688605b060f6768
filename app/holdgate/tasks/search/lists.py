"""What pages show of tasks: lists by keyset, one task with its events and steps, worker processes."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVarTuple
from uuid import UUID

import msgspec
from msgspec.structs import replace
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Interval,
    Select,
    SQLColumnExpression,
    Subquery,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    func,
    select,
    true,
    type_coerce,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from holdgate.core.paging import Cursor, before_id
from holdgate.tasks.errors import TaskNotFound
from holdgate.tasks.models import Task, TaskStep
from holdgate.tasks.queue.log import TaskEvent
from holdgate.tasks.queue.models import Worker
from holdgate.tasks.search.conditions import users
from holdgate.tasks.search.filters import TaskFilter
from holdgate.tasks.search.words import few_hits, rare_marks
from holdgate.tasks.states import UNFINISHED, TaskState, TaskVerb

Columns = TypeVarTuple("Columns")
ALIVE = timedelta(seconds=30)  # a worker not seen for this long is shown as lost


async def time_now(session: AsyncSession) -> datetime:
    """The database's."""
    return (await session.execute(select(func.now()))).scalar_one()


_ASIDE = ("pause", "unpause", "prioritise")


async def undoable(session: AsyncSession, task_id: UUID) -> bool:
    """Whether a task that is scheduled is so by an approval, which can be undone until then. Its run may have been
    paused meanwhile, or its priority changed."""
    newest = select(TaskEvent.verb).where(TaskEvent.task_id == task_id, TaskEvent.verb.not_in(_ASIDE))
    return await session.scalar(newest.order_by(TaskEvent.id.desc()).limit(1)) == TaskVerb.APPROVE.value


def mine(scope: UUID | None) -> ColumnElement[bool]:
    return true() if scope is None else Task.owner_id == scope


# Until the transaction ends. How rare a value is decides how it is found, and after five calls PostgreSQL would take a
# plan made for all values.
_CUSTOM_PLANS = select(func.set_config("plan_cache_mode", "force_custom_plan", True))


class Matching(NamedTuple):
    """Which tasks match, still to be ordered by `id`, which is the order of creation."""

    joined: Subquery | None
    where: ColumnElement[bool]
    id: SQLColumnExpression[UUID]

    def of(self, query: Select[*Columns]) -> Select[*Columns]:
        """`query` of `tasks`, narrowed to them."""
        if self.joined is not None:
            query = query.join(self.joined, self.joined.c.task_id == Task.id)
        return query.where(self.where)


async def matching(session: AsyncSession, scope: UUID | None, wanted: TaskFilter, *, oldest: bool = False) -> Matching:
    """Args:
    scope: whose tasks; None is everybody's.
    oldest: in which order they are going to be read.
    """
    if replace(wanted, states=(), mail="") != TaskFilter():
        await session.execute(_CUSTOM_PLANS)
    hits = await few_hits(session, scope, wanted, oldest=oldest)
    if hits is None:
        where = wanted.where(marks=await rare_marks(session, wanted))
        return Matching(None, mine(scope) & where, Task.id.expression)
    return Matching(hits, mine(scope) & replace(wanted, q="").where(marks=False), hits.c.task_id)


# What lists do not show.
LARGE = (defer(Task.payload), defer(Task.result), defer(Task.error))


async def list_tasks(
    session: AsyncSession,
    scope: UUID | None,
    wanted: TaskFilter,
    place: Cursor | None,
    limit: int,
    *,
    oldest: bool = False,
    whole: bool = False,
) -> list[Task]:
    """Newest first, or `oldest` first, from behind `place`; without the large columns unless `whole`.

    Args:
        scope: whose tasks; None is everybody's.
    """
    found = await matching(session, scope, wanted, oldest=oldest)
    query = found.of(select(Task)).limit(limit).options(*(() if whole else LARGE))
    return list((await session.execute(before_id(query, found.id, place, oldest=oldest))).scalars())


async def owners_of(session: AsyncSession, tasks: Sequence[Task]) -> dict[UUID, str]:
    """The addresses of those who own them."""
    ids = {task.owner_id for task in tasks if task.owner_id}
    rows = await session.execute(select(users.c.id, users.c.email).where(users.c.id.in_(ids))) if ids else ()
    return {id: email for id, email in rows}


async def next_of_error(session: AsyncSession, scope: UUID | None, task: Task) -> UUID | None:
    """The next older open dead letter of the same error; behind the last one, the newest."""
    if task.fingerprint is None:
        return None
    same = TaskFilter(fingerprint=task.fingerprint, states=(TaskState.DEAD_LETTER,))
    place = Cursor(task.created_at, task.id)
    found = await list_tasks(session, scope, same, place, 1) or await list_tasks(session, scope, same, None, 1)
    return found[0].id if found and found[0].id != task.id else None


# Made once: programs ask it again and again.
_ONE = select(Task).where(Task.id == bindparam("task_id"))
_OWN = _ONE.where(Task.owner_id == bindparam("owner_id"))


async def find_task(session: AsyncSession, task_id: UUID, scope: UUID | None) -> Task:
    """Raises TaskNotFound, also for somebody else's."""
    found = await session.execute(_ONE if scope is None else _OWN, {"task_id": task_id, "owner_id": scope})
    task = found.scalars().first()
    if task is None:
        raise TaskNotFound
    return task


async def states_of(session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, str]:
    """Of those that are (still) there."""
    rows = await session.execute(select(Task.id, Task.state).where(Task.id == any_(cast(list(ids), ARRAY(Uuid)))))
    return {row[0]: row[1] for row in rows}


async def unfinished_subjects(session: AsyncSession, owner_id: UUID, kind: str, subjects: list[str]) -> set[str]:
    """Which of these subjects an unfinished task of this kind and owner is about."""
    found = await session.execute(
        select(Task.subject).where(
            Task.subject == any_(cast(subjects, ARRAY(Text))),
            Task.owner_id == owner_id,
            Task.kind == kind,
            Task.state.in_([state.value for state in UNFINISHED]),
        )
    )
    return {subject for subject in found.scalars() if subject is not None}


async def subjects_of_run(session: AsyncSession, run_id: UUID, subjects: list[str]) -> set[str]:
    """Which of these subjects a task of the run is about."""
    among = Task.subject == any_(cast(subjects, ARRAY(Text)))
    found = await session.execute(select(Task.subject).where(Task.run_id == run_id, among))
    return {subject for subject in found.scalars() if subject is not None}


async def events_of(session: AsyncSession, task_id: UUID, limit: int = 500) -> list[TaskEvent]:
    """The newest `limit` events of a task, oldest first."""
    found = await session.execute(
        select(TaskEvent).where(TaskEvent.task_id == task_id).order_by(TaskEvent.id.desc()).limit(limit)
    )
    return list(reversed(found.scalars().all()))


async def steps_of(session: AsyncSession, task_id: UUID) -> list[TaskStep]:
    found = await session.execute(
        select(TaskStep).where(TaskStep.task_id == task_id).order_by(TaskStep.finished_at, TaskStep.name)
    )
    return list(found.scalars())


class LivingWorker(msgspec.Struct, frozen=True):
    """A worker process and whether it has been seen lately."""

    worker: Worker
    state: str


async def list_workers(session: AsyncSession) -> list[LivingWorker]:
    alive = (Worker.seen_at > func.now() - ALIVE).label("alive")
    rows = await session.execute(select(Worker, alive).order_by(Worker.started_at))
    return [
        LivingWorker(worker, ("draining" if worker.draining else "online") if lives else "lost")
        for worker, lives in rows
    ]


class Sweeping(NamedTuple):
    """As of the last heartbeats of living workers: how long ago one last swept, and since when the first has run."""

    age: timedelta | None
    workers_run: timedelta | None


async def sweeping(session: AsyncSession) -> Sweeping:
    """None, each: no worker."""
    age = type_coerce(func.now() - func.max(Worker.swept_at), Interval)
    run = type_coerce(func.max(Worker.seen_at - Worker.started_at), Interval)
    return Sweeping(*(await session.execute(select(age, run).where(Worker.seen_at > func.now() - ALIVE))).one())


async def sweeper_age(session: AsyncSession) -> timedelta | None:
    """How long ago a living worker last swept, as of its last heartbeat; None: none has."""
    return (await sweeping(session)).age


async def editors_of(session: AsyncSession, task_id: UUID) -> Sequence[str]:
    """The addresses of those who have retried the task with another payload."""
    edits = (TaskEvent.task_id == task_id, TaskEvent.verb == TaskVerb.RETRY, TaskEvent.data["payload"].is_not(None))
    found = await session.execute(select(func.split_part(TaskEvent.actor, ":", 2)).where(*edits).distinct())
    return found.scalars().all()
