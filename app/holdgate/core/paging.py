"""Keyset pages: a cursor names the last row seen, so a page costs the same however far down it is."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar, TypeVarTuple
from uuid import UUID

from sqlalchemy import Select, SQLColumnExpression, tuple_

from holdgate.core.errors import Invalid

PAGE = 50

Row = TypeVar("Row")
Columns = TypeVarTuple("Columns")


class Cursor(NamedTuple):
    """The sort key of a row: lists here are newest first."""

    at: datetime
    id: UUID

    def __str__(self) -> str:
        return urlsafe_b64encode(f"{self.at.isoformat()} {self.id}".encode()).decode().rstrip("=")


def parse_cursor(text: str | None) -> Cursor | None:
    """Raises Invalid for what is not one of our cursors."""
    if not text:
        return None
    try:
        at, id = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().rsplit(" ", 1)
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError("no time zone")
        if not 1970 <= moment.year <= 9000:
            raise ValueError("no time of ours")
        return Cursor(moment, UUID(id))
    except ValueError as error:
        raise Invalid("This page address is damaged. Go back to the first page.") from error


def before_cursor(
    query: Select[*Columns],
    at: SQLColumnExpression[datetime] | SQLColumnExpression[datetime | None],
    id: SQLColumnExpression[UUID],
    place: Cursor | None,
    *,
    oldest: bool = False,
) -> Select[*Columns]:
    """`query` in order, newest first or `oldest` first, from behind `place`."""
    query = query.order_by(at, id) if oldest else query.order_by(at.desc(), id.desc())
    if place is None:
        return query
    key, there = tuple_(at, id), tuple_(place.at, place.id)
    return query.where(key > there if oldest else key < there)


class Page(NamedTuple, Generic[Row]):
    """A page of a list, and where the pages before and behind it begin, if there are any. `moved`: not the first."""

    rows: list[Row]
    before: Cursor | None
    behind: Cursor | None
    moved: bool


async def paginate(
    read: Callable[[Cursor | None, int, bool], Awaitable[Sequence[Row]]],
    place_of: Callable[[Row], Cursor],
    cursor: str | None,
    back: str | None,
) -> Page[Row]:
    """The page behind `cursor`, or the one before `back`, or the first.

    Args:
        read: so many rows from behind a place; with True in the opposite order.

    Raises:
        Invalid: a damaged cursor.
    """
    backwards = bool(back)
    place = parse_cursor(back or cursor)
    rows = list(await read(place, PAGE + 1, backwards))
    if backwards and len(rows) <= PAGE:  # the beginning of the list: a whole page of it
        backwards, place = False, None
        rows = list(await read(None, PAGE + 1, False))
    behind = backwards or len(rows) > PAGE
    rows = rows[:PAGE]
    if backwards:
        rows.reverse()
    return Page(
        rows,
        place_of(rows[0]) if place and rows else None,
        place_of(rows[-1]) if behind and rows else None,
        place is not None,
    )
