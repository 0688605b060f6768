"""Statements about alarms and muted errors, and what their conditions are measured by."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, insert, literal, select, text, true, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.alarms.models import Alarm, ErrorMute
from holdgate.alarms.states import ALARM_MACHINE, AlarmState, AlarmVerb
from holdgate.core.db import WriteSession


def _at(now: datetime | None) -> ColumnElement[datetime]:
    return func.now() if now is None else literal(now, Alarm.next_at.type)


def _mine(scope: UUID | None) -> ColumnElement[bool]:
    return true() if scope is None else Alarm.owner_id == scope


async def list_alarms(session: AsyncSession, owner_id: UUID) -> list[Alarm]:
    """Oldest first; a person has few."""
    rows = select(Alarm).where(_mine(owner_id)).order_by(Alarm.created_at, Alarm.id)
    return list((await session.execute(rows)).scalars())


async def count_alarms(session: AsyncSession, owner_id: UUID) -> int:
    return (await session.execute(select(func.count()).select_from(Alarm).where(_mine(owner_id)))).scalar_one()


async def count_firing(session: AsyncSession, owner_id: UUID) -> int:
    firing = select(func.count()).select_from(Alarm).where(_mine(owner_id), Alarm.state == AlarmState.FIRING)
    return (await session.execute(firing)).scalar_one()


async def find_alarm(session: AsyncSession, alarm_id: UUID, scope: UUID | None) -> Alarm | None:
    """Scope None: whoever's."""
    found = select(Alarm).where(Alarm.id == alarm_id, _mine(scope)).execution_options(populate_existing=True)
    return (await session.execute(found)).scalars().first()


async def insert_alarm(session: WriteSession, values: dict[str, Any]) -> None:
    await session.execute(insert(Alarm).values(values))


async def delete_alarm(session: WriteSession, alarm_id: UUID, owner_id: UUID) -> bool:
    gone = delete(Alarm).where(Alarm.id == alarm_id, Alarm.owner_id == owner_id).returning(Alarm.id)
    return (await session.execute(gone)).first() is not None


async def move_alarm(
    session: WriteSession, alarm_id: UUID, verb: AlarmVerb, detail: str | None = None, *, now: datetime | None = None
) -> bool:
    """The guarded UPDATE of an alarm's state. False: its state does not allow it."""
    move = ALARM_MACHINE.moves[verb]
    noted = {"fired_at": _at(now), "recovered_at": None} if verb is AlarmVerb.FIRE else {"recovered_at": _at(now)}
    changed = await session.execute(
        update(Alarm)
        .where(Alarm.id == alarm_id, Alarm.state.in_(move.sources))
        .values(state=move.targets[0].value, **noted, **({} if detail is None else {"detail": detail}))
        .returning(Alarm.id)
        .execution_options(synchronize_session=False)
    )
    return changed.first() is not None


class DueAlarm(NamedTuple):
    """An alarm with what it is told by: its owner's address, and whether it is about everybody now."""

    alarm: Alarm
    email: str
    everyone: bool


_DUE = text(
    """
    SELECT a.id, u.email, a.everyone AND u.role = 'admin'
    FROM alarms a JOIN users u ON u.id = a.owner_id
    WHERE a.next_at <= coalesce(CAST(:now AS timestamptz), now()) AND u.disabled_at IS NULL
    ORDER BY a.next_at LIMIT :limit FOR NO KEY UPDATE OF a SKIP LOCKED
    """
)


async def lock_due(session: WriteSession, limit: int, *, now: datetime | None = None) -> list[DueAlarm]:
    """Those whose condition is to be looked at, and whose owner is not shut out."""
    rows = {row[0]: row for row in await session.execute(_DUE, {"now": now, "limit": limit})}
    if not rows:
        return []
    alarms = await session.execute(select(Alarm).where(Alarm.id.in_(rows)).execution_options(populate_existing=True))
    return [DueAlarm(alarm, *rows[alarm.id][1:]) for alarm in alarms.scalars()]


async def note_checked(
    session: WriteSession, ids: Sequence[UUID], again: timedelta, *, now: datetime | None = None
) -> None:
    await session.execute(
        update(Alarm)
        .where(Alarm.id.in_(ids))
        .values(checked_at=_at(now), next_at=_at(now) + again)
        .execution_options(synchronize_session=False)
    )


# By whole minutes, the one that has just begun included. Everybody's rows and one owner's apart, as the index has them.
_FAILURES = text(
    """
    SELECT d.id, CAST(coalesce(f.n, 0) AS bigint)
    FROM (SELECT a.id, a.owner_id, a.kind, d.everyone, date_bin(
            interval '1 minute', coalesce(CAST(:now AS timestamptz), now()), timestamptz '2000-01-01 00:00:00+00'
          ) - a.span AS first
          FROM unnest(CAST(:ids AS uuid[]), CAST(:everyone AS boolean[])) AS d(id, everyone)
          JOIN alarms a ON a.id = d.id) AS d
    CROSS JOIN LATERAL (
      SELECT sum(m.n) AS n FROM (
        SELECT m.fingerprint, m.n FROM error_minutes m
        WHERE NOT d.everyone AND m.owner_id = d.owner_id AND m.span = 1 AND m.minute >= d.first
        UNION ALL
        SELECT m.fingerprint, m.n FROM error_minutes m
        WHERE d.everyone AND m.owner_id IS NULL AND m.span = 1 AND m.minute >= d.first) AS m
      WHERE (d.kind IS NULL OR left(m.fingerprint, -13) = d.kind)
        AND NOT EXISTS (SELECT FROM error_mutes x WHERE x.owner_id = d.owner_id AND x.digest = right(m.fingerprint, 12))
    ) AS f
    """
)


async def failures(session: AsyncSession, due: Sequence[DueAlarm], *, now: datetime | None = None) -> dict[UUID, int]:
    """Alarm → how many attempts failed in its time, but for errors that its owner has muted."""
    values = {"ids": [each.alarm.id for each in due], "everyone": [each.everyone for each in due], "now": now}
    rows: Any = await session.execute(_FAILURES, values)
    return {alarm_id: n for alarm_id, n in rows}


async def mute_error(session: WriteSession, owner_id: UUID, digest: str) -> None:
    await session.execute(upsert(ErrorMute).values(owner_id=owner_id, digest=digest).on_conflict_do_nothing())


async def unmute_error(session: WriteSession, owner_id: UUID, digest: str) -> None:
    await session.execute(delete(ErrorMute).where(ErrorMute.owner_id == owner_id, ErrorMute.digest == digest))


async def muted(session: AsyncSession, owner_id: UUID) -> list[ErrorMute]:
    """The latest first."""
    rows = select(ErrorMute).where(ErrorMute.owner_id == owner_id).order_by(ErrorMute.muted_at.desc(), ErrorMute.digest)
    return list((await session.execute(rows)).scalars())
