"""Statements about applications. `scope` is whose to look at; None is everybody's."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Select, and_, delete, func, literal, select, text, true, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.applications.models import Application, ApplicationFile
from holdgate.applications.states import APPLICATION_MACHINE, ApplicationChannel, ApplicationStatus, ApplicationVerb
from holdgate.core.db import WriteSession
from holdgate.core.ids import uuid7
from holdgate.core.paging import Cursor, before_cursor, count_rows

MOST_WORDS = 200  # characters of a search that are looked at


class ListedApplication(NamedTuple):
    """An application as lists show it, without its copy."""

    id: UUID
    owner_id: UUID
    posting_id: UUID | None
    task_id: UUID | None
    title: str
    company: str
    location: str
    url: str
    channel: str
    status: ApplicationStatus
    status_at: datetime
    sent_at: datetime | None
    receipt: str
    reason: str
    contact: str
    notes: str
    follow_up_at: datetime | None
    created_at: datetime


class ApplicationSearch(msgspec.Struct, frozen=True):
    """Which applications: `q` occurs in the title, the company or the contact."""

    q: str = ""
    status: ApplicationStatus | None = None


_LISTED: tuple[Any, ...] = tuple(getattr(Application, name) for name in ListedApplication._fields)


def _mine(scope: UUID | None) -> ColumnElement[bool]:
    return true() if scope is None else Application.owner_id == scope


def _found(scope: UUID | None, search: ApplicationSearch, *columns: Any) -> Select[Any]:
    found = select(*columns).where(_mine(scope))
    if search.status is not None:
        found = found.where(Application.status == search.status)
    if q := search.q.replace("\0", " ")[:MOST_WORDS].strip().lower():
        where = func.lower(func.concat_ws(" ", Application.title, Application.company, Application.contact))
        found = found.where(func.strpos(where, q) > 0)
    return found


async def list_applications(
    session: AsyncSession,
    scope: UUID | None,
    search: ApplicationSearch,
    limit: int,
    *,
    place: Cursor | None = None,
    oldest: bool = False,
) -> list[ListedApplication]:
    """Newest first, or `oldest` first. From behind `place`."""
    found = _found(scope, search, *_LISTED).limit(limit)
    found = before_cursor(found, Application.created_at, Application.id, place, oldest=oldest)
    rows = [ListedApplication(*row) for row in await session.execute(found)]
    return [row._replace(status=ApplicationStatus(row.status)) for row in rows]


async def count_applications(session: AsyncSession, scope: UUID | None, search: ApplicationSearch) -> int | None:
    """None: too many to count."""
    return await count_rows(session, _found(scope, search, Application.id))


async def count_by_status(
    session: AsyncSession, scope: UUID | None, search: ApplicationSearch
) -> dict[ApplicationStatus, int]:
    found = _found(scope, search, Application.status, func.count()).group_by(Application.status)
    return {ApplicationStatus(status): number for status, number in await session.execute(found)}


async def find_application(session: AsyncSession, application_id: UUID, scope: UUID | None) -> Application | None:
    """As it is now, also when this session has read it before."""
    found = select(Application).where(Application.id == application_id, _mine(scope))
    return (await session.execute(found.execution_options(populate_existing=True))).scalars().first()


async def application_of(session: AsyncSession, task_id: UUID) -> Application | None:
    """The application that a task makes."""
    return (await session.execute(select(Application).where(Application.task_id == task_id))).scalars().first()


async def put_prepared(session: WriteSession, values: Mapping[str, Any]) -> UUID | None:
    """What a task has composed: a new application, or the same once more. None: it has been sent, and stays as it is.

    Args:
        values: of the columns, without those of its status.
    """
    statement = upsert(Application).values(id=uuid7(), status=ApplicationStatus.PREPARED, **values)
    put = statement.on_conflict_do_update(
        index_elements=[Application.task_id],
        index_where=Application.task_id.is_not(None),
        set_=dict(values),
        where=Application.sent_at.is_(None),
    ).returning(Application.id)
    return (await session.execute(put)).scalar_one_or_none()


async def put_file(session: WriteSession, owner_id: UUID, sha256: str, content: bytes) -> None:
    """The same file is kept once."""
    values = {"owner_id": owner_id, "sha256": sha256, "content": content}
    await session.execute(upsert(ApplicationFile).values(**values).on_conflict_do_nothing())


async def load_file(session: AsyncSession, owner_id: UUID, sha256: str) -> bytes | None:
    same = (ApplicationFile.owner_id == owner_id, ApplicationFile.sha256 == sha256)
    return (await session.execute(select(ApplicationFile.content).where(*same))).scalar_one_or_none()


async def move(
    session: WriteSession,
    verb: ApplicationVerb,
    which: ColumnElement[bool],
    *,
    to: ApplicationStatus | None = None,
    values: Mapping[str, Any] | None = None,
    now: datetime | None = None,
) -> list[UUID]:
    """Give every application that matches, and in whose status the verb can be used, the new one. The one place where a
    status is written. Returns those that changed.

    Args:
        to: one of the verb's targets; the usual one by default.
        values: of other columns that change with it.
    """
    moves = APPLICATION_MACHINE.moves[verb]
    target = to or moves.targets[0]
    if target not in moves.targets:
        raise ValueError(f"{verb} does not lead to {target}")
    before = func.jsonb_build_object("status", Application.status, "at", Application.status_at)
    changed = await session.execute(
        update(Application)
        .where(which, Application.status.in_(moves.sources), Application.status != target)
        .values(
            status=target,
            status_at=at(now),
            history=Application.history.concat(func.jsonb_build_array(before)),
            **(values or {}),
        )
        .returning(Application.id)
        .execution_options(synchronize_session=False)
    )
    return list(changed.scalars())


async def change(session: WriteSession, application_id: UUID, **values: Any) -> None:
    """Everything but its status."""
    await session.execute(
        update(Application)
        .where(Application.id == application_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


async def older_than(
    session: WriteSession, status: ApplicationStatus, age: timedelta, limit: int, *, now: datetime | None = None
) -> Sequence[UUID]:
    """Applications that have had this status for so long, locked; those that others work on are left for later."""
    found = (
        select(Application.id)
        .where(Application.status == status, Application.status_at < at(now) - age)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return (await session.execute(found)).scalars().all()


def _elsewhere(owner_id: UUID, posting_id: UUID) -> ColumnElement[bool]:
    return and_(
        Application.owner_id == owner_id,
        Application.posting_id == posting_id,
        Application.channel == ApplicationChannel.ELSEWHERE,
        Application.task_id.is_(None),
    )


async def reminders_elsewhere(session: AsyncSession, owner_id: UUID, posting_id: UUID) -> Sequence[UUID]:
    """The tasks that remind of what was applied for elsewhere."""
    found = select(Application.follow_up_task_id).where(
        _elsewhere(owner_id, posting_id), Application.follow_up_task_id.is_not(None)
    )
    return [id for id in (await session.execute(found)).scalars() if id is not None]


async def forget_elsewhere(session: WriteSession, owner_id: UUID, posting_id: UUID) -> None:
    """What was said to have been applied for elsewhere, and was not."""
    gone = delete(Application).where(_elsewhere(owner_id, posting_id))
    await session.execute(gone.execution_options(synchronize_session=False))


_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended(CAST(:key AS text), 0))")
_BUSY = text(
    """
    SELECT max(begun_at) + CAST(:day AS interval) FROM (
      SELECT begun_at FROM applications
      WHERE owner_id = :owner AND host = :host AND task_id IS DISTINCT FROM :task
        AND begun_at > coalesce(CAST(:now AS timestamptz), now()) - CAST(:day AS interval)
      ORDER BY begun_at DESC OFFSET :most - 1 LIMIT 1) AS oldest
    """
)
DAY = timedelta(days=1)


async def alone(session: WriteSession, what: str) -> None:
    """Of two that do this at once the second waits for the first to end."""
    await session.execute(_ALONE, {"key": f"holdgate applications {what}"})


async def busy_until(
    session: WriteSession, owner_id: UUID, host: str, task_id: UUID, most: int, *, now: datetime | None = None
) -> datetime | None:
    """When a person may apply to a host again to which `most` of their applications have gone within a day."""
    await alone(session, f"{owner_id} {host}")  # so that both are counted
    values = {"owner": owner_id, "host": host, "task": task_id, "most": most, "day": DAY, "now": now}
    until: datetime | None = (await session.execute(_BUSY, values)).scalar_one()
    return until


def at(now: datetime | None) -> ColumnElement[datetime]:
    return func.now() if now is None else literal(now, Application.created_at.type)


async def database_time(session: AsyncSession, now: datetime | None = None) -> datetime:
    moment: datetime = now or (await session.execute(select(func.now()))).scalar_one()
    return moment
