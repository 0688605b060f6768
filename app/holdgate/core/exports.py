"""Lists of any length as CSV or JSON, a chunk at a time, so that memory and connections stay free."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from holdgate.core.db import Database, ReadSession
from holdgate.core.text.csv_cells import MARK, lines

CHUNK = 500

Row = TypeVar("Row")
Place = TypeVar("Place")


async def chunks(
    database: Database,
    read: Callable[[ReadSession, Place | None, int], Awaitable[Sequence[Row]]],
    place_of: Callable[[Row], Place],
    size: int = CHUNK,
) -> AsyncIterator[Sequence[Row]]:
    """All that `read` finds from behind a place. Each chunk is a short transaction of its own: a slow reader holds
    neither a connection nor a snapshot, and every row stands as it was when its chunk was read."""
    place: Place | None = None
    while True:
        async with database.read_replica() as session:
            found = await read(session, place, size)
        if found:
            yield found
            place = place_of(found[-1])
        if len(found) < size:
            return


async def as_csv(columns: Sequence[str], found: AsyncIterator[Iterable[Sequence[Any]]]) -> AsyncGenerator[bytes, None]:
    """UTF-8 with a mark, times in UTC, what is no single value as JSON."""
    yield (MARK + lines([columns])).encode()
    async for rows in found:
        yield lines([_cell(value) for value in row] for row in rows).encode()


async def as_json(found: AsyncIterator[Iterable[Any]]) -> AsyncGenerator[bytes, None]:
    """One list; cut off, it is no JSON."""
    yield b"["
    first = True
    async for rows in found:
        text = b",\n".join(msgspec.json.encode(row) for row in rows)
        yield text if first else b",\n" + text
        first = False
    yield b"]\n"


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()
    return value
