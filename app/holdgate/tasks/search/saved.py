"""Filters of the task list that a person has given a name: theirs alone, to be found again above the list."""

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, UpdateBase, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.db import WriteSession
from holdgate.core.errors import Invalid, NotFound
from holdgate.core.ids import uuid7
from holdgate.core.postgres.outages import sqlstate
from holdgate.core.principal import Principal
from holdgate.tasks.search.models import SavedView

MOST = 50
MOST_NAME = 60
MOST_PARAMS = 8000
UNIQUE_VIOLATION = "23505"


class ViewNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("No such saved view, or it belongs to somebody else.")


async def views_of(session: AsyncSession, by: Principal) -> Sequence[SavedView]:
    """By name."""
    found = await session.execute(
        select(SavedView).where(SavedView.owner_id == by.id).order_by(func.lower(SavedView.name), SavedView.id)
    )
    return found.scalars().all()


async def save(session: WriteSession, by: Principal, name: str, params: str) -> UUID:
    """Args:
    params: the list's query string, of a filter that is known to be good.

    Raises:
        Invalid: the name is taken or does not fit, or there are too many.
    """
    name = _checked(name)
    if len(params) > MOST_PARAMS:
        raise Invalid("This filter is too long to be saved. Select fewer tasks one by one.")
    # One at a time for one person, so that two tabs cannot pass the limit together.
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"saved-views:{by.id}", 0))))
    count = select(func.count()).select_from(SavedView).where(SavedView.owner_id == by.id)
    if (await session.execute(count)).scalar_one() >= MOST:
        raise Invalid(f"At most {MOST} views can be saved. Delete one you no longer need.")
    made = uuid7()
    await _unique(session, name, insert(SavedView).values(id=made, owner_id=by.id, name=name, params=params))
    return made


async def rename(session: WriteSession, by: Principal, view_id: UUID, name: str) -> None:
    """Raises ViewNotFound, Invalid."""
    name = _checked(name)
    mine = (SavedView.id == view_id) & (SavedView.owner_id == by.id)
    if not await _unique(session, name, update(SavedView).where(mine).values(name=name)):
        raise ViewNotFound


async def forget(session: WriteSession, by: Principal, view_id: UUID) -> None:
    """Raises ViewNotFound."""
    mine = (SavedView.id == view_id) & (SavedView.owner_id == by.id)
    if (await session.execute(delete(SavedView).where(mine).returning(SavedView.id))).first() is None:
        raise ViewNotFound


def _checked(name: str) -> str:
    name = " ".join(name.split())
    if not 0 < len(name) <= MOST_NAME or not name.isprintable():
        sentence = f"Enter a name of 1 to {MOST_NAME} characters."
        raise Invalid(sentence, {"name": sentence})
    return name


async def _unique(session: WriteSession, name: str, statement: UpdateBase) -> bool:
    """Whether it found its row. Raises Invalid when the person has another view of this name."""
    try:
        async with session.begin_nested():
            done = cast(CursorResult[Any], await session.execute(statement))
    except IntegrityError as error:
        if sqlstate(error) != UNIQUE_VIOLATION:
            raise
        sentence = f"You have a view that is called “{name}” already."
        raise Invalid(sentence, {"name": sentence}) from error
    return done.rowcount > 0
