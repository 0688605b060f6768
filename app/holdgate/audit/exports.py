"""The audit as CSV or JSON."""

from collections.abc import AsyncIterator, Sequence

from holdgate.audit import queries
from holdgate.audit.entries import AuditEntry, AuditFilter, AuditPlace
from holdgate.core import exports
from holdgate.core.db import Database, ReadSession
from holdgate.core.text.masking import masked, masked_text

CHUNK = 1000
COLUMNS = ("at", "area", "verb", "actor", "about", "target", "detail", "data")


async def rows(
    database: Database, wanted: AuditFilter, *, everything: bool, size: int = CHUNK
) -> AsyncIterator[list[dict[str, object]]]:
    """Newest first; what is written meanwhile is newer than the first line, and not among them."""

    async def read(session: ReadSession, place: AuditPlace | None, limit: int) -> Sequence[AuditEntry]:
        return await queries.audit_lines(session, wanted, place, limit, everything=everything)

    async for found in exports.chunks(database, read, lambda line: line.place, size):
        yield [plain(line) for line in found]


def plain(line: AuditEntry) -> dict[str, object]:
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
