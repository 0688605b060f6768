"""The audit as CSV or JSON, a chunk at a time; each in a short transaction of its own, as app/tasks/exports.py does."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence

import msgspec

from app.audit import queries
from app.audit.queries import AuditFilter, Line, Place
from app.core.csv_cells import MARK, lines
from app.core.db import Database
from app.core.masking import masked, masked_text

CHUNK = 1000
COLUMNS = ("at", "area", "verb", "actor", "about", "target", "detail", "data")


async def chunks(
    database: Database, wanted: AuditFilter, *, everything: bool, size: int = CHUNK
) -> AsyncIterator[Sequence[Line]]:
    """Newest first; what is written meanwhile is newer than the first line, and not among them."""
    place: Place | None = None
    while True:
        async with database.look_back() as session:
            found = await queries.audit_lines(session, wanted, place, size, everything=everything)
        if found:
            yield found
            place = found[-1].place
        if len(found) < size:
            return


async def as_csv(found: AsyncIterator[Sequence[Line]]) -> AsyncGenerator[bytes, None]:
    yield (MARK + lines([COLUMNS])).encode()
    async for each in found:
        rows = ([plain(line)[name] for name in COLUMNS] for line in each)
        yield lines(
            [[v if isinstance(v, str) else msgspec.json.encode(v).decode() for v in row] for row in rows]
        ).encode()


async def as_json(found: AsyncIterator[Sequence[Line]]) -> AsyncGenerator[bytes, None]:
    """One list; cut off, it is no JSON."""
    yield b"["
    first = True
    async for each in found:
        text = b",\n".join(msgspec.json.encode(plain(line)) for line in each)
        yield text if first else b",\n" + text
        first = False
    yield b"]\n"


def plain(line: Line) -> dict[str, object]:
    """A line with secrets hidden, times in UTC."""
    return {
        "at": line.at.isoformat(),
        "area": line.area,
        "verb": line.verb,
        "actor": line.actor,
        "about": line.about,
        "target": line.target or "",
        "detail": masked_text(line.detail or ""),
        "data": "" if line.data is None else masked(line.data),
    }
