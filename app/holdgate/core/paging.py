"""Keyset pages: a cursor names the last row seen, so a page costs the same however far down it is."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from math import isnan
from typing import Any, Generic, NamedTuple, TypeVar, TypeVarTuple
from uuid import UUID

from sqlalchemy import Select, SQLColumnExpression, func, literal_column, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.errors import Invalid

PAGE = 50
MOST_COUNTED = 10_000

Row = TypeVar("Row")
Place = TypeVar("Place", bound="Cursor | Rank")
Columns = TypeVarTuple("Columns")


class Cursor(NamedTuple):
    """The sort key of a row: lists here are newest first."""

    at: datetime
    id: UUID

    def __str__(self) -> str:
        return _written(self.at.isoformat(), self.id)


class Rank(NamedTuple):
    """The sort key of a row in a list that is sorted by a number."""

    value: float
    id: UUID

    def __str__(self) -> str:
        return _written(repr(self.value), self.id)


def _written(key: str, id: UUID) -> str:
    return urlsafe_b64encode(f"{key} {id}".encode()).decode().rstrip("=")


def parse_cursor(text: str | None) -> Cursor | None:
    """Raises Invalid for what is not one of our cursors."""
    return _parsed(text, lambda key, id: Cursor(_moment(key), id))


def parse_rank(text: str | None) -> Rank | None:
    """Raises Invalid for what is not one of our ranks."""
    return _parsed(text, lambda key, id: Rank(_number(key), id))


def _parsed(text: str | None, place: Callable[[str, UUID], Place]) -> Place | None:
    if not text:
        return None
    try:
        key, id = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().rsplit(" ", 1)
        return place(key, UUID(id))
    except ValueError as error:
        raise Invalid("This page address is damaged. Go back to the first page.") from error


def _moment(key: str) -> datetime:
    moment = datetime.fromisoformat(key)
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    if not 1970 <= moment.year <= 9000:
        raise ValueError("no time of ours")
    return moment


def _number(key: str) -> float:
    if isnan(value := float(key)):
        raise ValueError("no number")
    return value


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


def before_id(
    query: Select[*Columns], id: SQLColumnExpression[UUID], place: Cursor | None, *, oldest: bool = False
) -> Select[*Columns]:
    """The same of rows whose ids are in the order of creation: no index needs their time besides."""
    query = query.order_by(id if oldest else id.desc())
    if place is None:
        return query
    return query.where(id > place.id if oldest else id < place.id)


async def count_rows(session: AsyncSession, query: Select[*Columns]) -> int | None:
    """How many rows `query` has. None: more than `MOST_COUNTED`, and counting goes no further."""
    bare: Select[Any] = query.with_only_columns(literal_column("1"), maintain_column_froms=True)
    some = bare.order_by(None).limit(MOST_COUNTED + 1)
    n = (await session.execute(select(func.count()).select_from(some.subquery()))).scalar_one()
    return n if n <= MOST_COUNTED else None


class Page(NamedTuple, Generic[Row]):
    """A page of a list, and where the pages before and behind it begin, if there are any. `moved`: not the first."""

    rows: list[Row]
    before: Cursor | Rank | None
    behind: Cursor | Rank | None
    moved: bool


async def paginate(
    read: Callable[[Cursor | None, int, bool], Awaitable[Sequence[Row]]],
    place_of: Callable[[Row], Cursor],
    cursor: str | None,
    back: str | None,
) -> Page[Row]:
    """The page behind `cursor`, or the one before `back`, or the first, of a list by time.

    Args:
        read: so many rows from behind a place; with True in the opposite order.

    Raises:
        Invalid: a damaged cursor.
    """
    return await paginate_by(parse_cursor, read, place_of, cursor, back)


async def paginate_by(
    parse: Callable[[str | None], Place | None],
    read: Callable[[Place | None, int, bool], Awaitable[Sequence[Row]]],
    place_of: Callable[[Row], Place],
    cursor: str | None,
    back: str | None,
) -> Page[Row]:
    """The same of a list whose places `parse` reads."""
    backwards = bool(back)
    place = parse(back or cursor)
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
