"""Statements about schedules and their beats. A schedule is locked before tasks. Times are the database's."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, column, delete, func, literal, or_, select, table, text, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import WriteSession
from holdgate.core.paging import Cursor, before_cursor, count_rows
from holdgate.schedules.models import Schedule, ScheduleBeat, ScheduleEvent

KEPT_BEATS = 100  # of each schedule
OWNER_DISABLED = "the end of its owner's access"  # what has paused it, in words

_users = table("users", column("id"), column("disabled_at"))


def _mine(scope: UUID | None) -> ColumnElement[bool]:
    return true() if scope is None else Schedule.owner_id == scope


def _owner_disabled() -> ColumnElement[bool]:
    return Schedule.owner_id.in_(select(_users.c.id).where(_users.c.disabled_at.is_not(None)))


def at(now: datetime | None) -> ColumnElement[datetime]:
    return func.now() if now is None else literal(now, Schedule.created_at.type)


async def time_of(session: AsyncSession, now: datetime | None) -> datetime:
    """The database's, or the test's."""
    return now or (await session.execute(select(func.now()))).scalar_one()


async def insert_schedule(session: WriteSession, schedule_id: UUID, owner_id: UUID, values: dict[str, Any]) -> None:
    await session.execute(insert(Schedule).values(id=schedule_id, owner_id=owner_id, **values))


async def insert_declared(
    session: WriteSession, schedule_id: UUID, owner_id: UUID, values: dict[str, Any]
) -> UUID | None:
    """Its id, unless it is there already."""
    made = await session.execute(
        insert(Schedule)
        .values(id=schedule_id, owner_id=owner_id, **values)
        .on_conflict_do_nothing(index_elements=[Schedule.id])
        .returning(Schedule.id)
    )
    return made.scalar_one_or_none()


async def lock_schedule(session: WriteSession, schedule_id: UUID, scope: UUID | None) -> Schedule | None:
    found = await session.execute(
        select(Schedule).where(Schedule.id == schedule_id, _mine(scope)).with_for_update(key_share=True)
    )
    return found.scalars().first()


async def update_schedule(session: WriteSession, schedule_id: UUID, values: dict[str, Any]) -> None:
    await session.execute(
        update(Schedule).where(Schedule.id == schedule_id).values(values).execution_options(synchronize_session=False)
    )


async def delete_schedule(session: WriteSession, schedule_id: UUID) -> None:
    await session.execute(
        delete(Schedule).where(Schedule.id == schedule_id).execution_options(synchronize_session=False)
    )


async def is_owner_disabled(session: AsyncSession, schedule_id: UUID) -> bool:
    found = await session.execute(select(Schedule.id).where(Schedule.id == schedule_id, _owner_disabled()))
    return found.first() is not None


async def pause_of_disabled(session: WriteSession, *, now: datetime | None = None) -> None:
    """Those whose owner was disabled. Who is at one of them is not waited for: it is paused a second later."""
    theirs = (
        select(Schedule.id)
        .where(Schedule.paused_at.is_(None), _owner_disabled())
        .with_for_update(key_share=True, skip_locked=True)
    )
    await session.execute(
        update(Schedule)
        .where(Schedule.id.in_(theirs))
        .values(paused_at=at(now), paused_by=OWNER_DISABLED)
        .execution_options(synchronize_session=False)
    )


async def lock_of_enabled(session: WriteSession) -> list[Schedule]:
    """Those that are paused because their owner was disabled, who is enabled again."""
    found = await session.execute(
        select(Schedule)
        .where(Schedule.paused_by == OWNER_DISABLED, ~_owner_disabled())
        .with_for_update(key_share=True, skip_locked=True)
    )
    return list(found.scalars())


async def lock_due(
    session: WriteSession, kinds: list[str], limit: int, *, now: datetime | None = None
) -> list[Schedule]:
    """Schedules whose beat has come and that nobody else is taking. One whose kind is not among `kinds` stays for a
    worker that knows it."""
    found = await session.execute(
        select(Schedule)
        .where(
            Schedule.next_at <= at(now),
            Schedule.paused_at.is_(None),
            or_(Schedule.retry_at.is_(None), Schedule.retry_at <= at(now)),
            Schedule.kind.in_(kinds),
            ~_owner_disabled(),
        )
        .order_by(Schedule.next_at, Schedule.id)
        .limit(limit)
        .with_for_update(key_share=True, skip_locked=True)
    )
    return list(found.scalars())


async def take_beat(session: WriteSession, schedule_id: UUID, beat_at: datetime) -> bool:
    """Make the beat ours. False: it has been taken before."""
    taken = await session.execute(
        insert(ScheduleBeat)
        .values(schedule_id=schedule_id, beat_at=beat_at)
        .on_conflict_do_nothing()
        .returning(ScheduleBeat.beat_at)
    )
    return taken.first() is not None


async def beat_started(session: WriteSession, schedule_id: UUID, beat_at: datetime, task_id: UUID) -> None:
    await session.execute(
        update(ScheduleBeat)
        .where(ScheduleBeat.schedule_id == schedule_id, ScheduleBeat.beat_at == beat_at)
        .values(task_id=task_id)
        .execution_options(synchronize_session=False)
    )


async def forget_beats(session: WriteSession, schedule_id: UUID) -> None:
    """All but the latest. `next_at` never goes back behind them."""
    oldest = (
        select(ScheduleBeat.beat_at)
        .where(ScheduleBeat.schedule_id == schedule_id)
        .order_by(ScheduleBeat.beat_at.desc())
        .offset(KEPT_BEATS - 1)
        .limit(1)
        .scalar_subquery()
    )
    await session.execute(
        delete(ScheduleBeat)
        .where(ScheduleBeat.schedule_id == schedule_id, ScheduleBeat.beat_at < oldest)
        .execution_options(synchronize_session=False)
    )


async def note_problem(
    session: WriteSession, schedule_id: UUID, problem: str, again: timedelta, *, now: datetime | None = None
) -> None:
    await update_schedule(session, schedule_id, {"problem": problem, "retry_at": at(now) + again})


async def find_schedule(session: AsyncSession, schedule_id: UUID, scope: UUID | None) -> Schedule | None:
    found = await session.execute(select(Schedule).where(Schedule.id == schedule_id, _mine(scope)))
    return found.scalars().first()


async def schedules_of_token(session: AsyncSession, owner_id: UUID, token_id: UUID) -> list[Schedule]:
    """Those that are on."""
    made = (Schedule.owner_id == owner_id) & (Schedule.token_id == token_id) & Schedule.paused_at.is_(None)
    return list((await session.execute(select(Schedule).where(made).order_by(Schedule.id))).scalars())


async def list_schedules(
    session: AsyncSession, scope: UUID | None, place: Cursor | None, limit: int, *, oldest: bool = False
) -> list[Schedule]:
    """Newest first, or `oldest` first, from behind `place`."""
    query = select(Schedule).where(_mine(scope)).limit(limit)
    query = before_cursor(query, Schedule.created_at, Schedule.id, place, oldest=oldest)
    return list((await session.execute(query)).scalars())


async def count_schedules(session: AsyncSession, scope: UUID | None) -> int | None:
    """None: too many to count."""
    return await count_rows(session, select(Schedule).where(_mine(scope)))


async def count_due(session: AsyncSession, scope: UUID | None, since: timedelta) -> int:
    """How many are due for so long, and not paused."""
    due = select(func.count()).where(Schedule.next_at < func.now() - since, Schedule.paused_at.is_(None), _mine(scope))
    return (await session.execute(due.select_from(Schedule))).scalar_one()


_MISSED = text(
    """
    SELECT s.owner_id, s.name, NULL FROM schedules s
    WHERE s.paused_at IS NULL AND s.next_at < coalesce(CAST(:now AS timestamptz), now()) - CAST(:late AS interval)
    UNION ALL
    SELECT s.owner_id, s.name, b.taken_at FROM schedule_beats b JOIN schedules s ON s.id = b.schedule_id
    WHERE b.taken_at > :since AND (b.task_id IS NULL OR b.taken_at > b.beat_at + CAST(:late AS interval))
    """
)


class Missed(NamedTuple):
    """A schedule that is overdue, or of which a run was skipped or late, which was noted at `taken_at`."""

    owner_id: UUID
    name: str
    taken_at: datetime | None


async def missed_since(
    session: AsyncSession, since: datetime, late: timedelta, *, now: datetime | None = None
) -> list[Missed]:
    rows = await session.execute(_MISSED, {"since": since, "late": late, "now": now})
    return [Missed(*row) for row in rows]


async def latest_beats(session: AsyncSession, schedule_id: UUID, limit: int = 20) -> list[ScheduleBeat]:
    found = await session.execute(
        select(ScheduleBeat)
        .where(ScheduleBeat.schedule_id == schedule_id)
        .order_by(ScheduleBeat.beat_at.desc())
        .limit(limit)
    )
    return list(found.scalars())


async def latest_events(session: AsyncSession, schedule_id: UUID | None, limit: int = 20) -> list[ScheduleEvent]:
    """Who did what, newest first; to one schedule or to any, deleted ones too."""
    query = select(ScheduleEvent).order_by(ScheduleEvent.id.desc()).limit(limit)
    if schedule_id is not None:
        query = query.where(ScheduleEvent.schedule_id == schedule_id)
    return list((await session.execute(query)).scalars())
