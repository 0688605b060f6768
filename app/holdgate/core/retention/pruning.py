"""Lines of a table that are deleted after a time, a few at once, into the archive first where there is one."""

from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import DateTime, TextClause, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.expression import TextualSelect
from sqlalchemy.types import NullType

from holdgate.core.db import WriteSession
from holdgate.core.retention.archive import archive_then_delete
from holdgate.core.upkeep import Round

CHUNK = 1000
COUNTED = 100_000  # by a preview, at most


class Expiring(NamedTuple):
    """Lines of a table. `find` gives the id, the time (at) and all (line) of at most `:limit` that are older than
    `:kept`, oldest first; `delete` deletes `:ids`, of which the times lie between `:first` and `:last`."""

    name: str
    find: TextClause
    delete: TextClause


async def prune(session: WriteSession, sweep: Round, what: Expiring, kept: timedelta) -> bool:
    """True: there may be more."""
    rows = (await session.execute(_typed(what.find), {"kept": kept, "limit": CHUNK})).all()
    if not rows:
        return False
    values = {"ids": [row.id for row in rows], "first": rows[0].at, "last": rows[-1].at}
    delete = partial(_delete, what=what, values=values)
    if not sweep.settings.retention_archive:
        await delete(session)
        return len(rows) == CHUNK
    name, lines, at = what.name.replace("_", "-"), [row.line for row in rows], rows[-1].at
    sweep.after.append(partial(archive_then_delete, sweep.database, sweep.settings, name, lines, at=at, delete=delete))
    return False  # until then the same lines would be found again


async def count_old(session: AsyncSession, what: Expiring, kept: timedelta) -> int:
    """How many would be deleted now, as far as a preview counts."""
    counted = select(func.count()).select_from(_typed(what.find).subquery())
    return (await session.execute(counted, {"kept": kept, "limit": COUNTED})).scalar_one()


def _typed(find: TextClause) -> TextualSelect:
    return find.columns(id=NullType(), at=DateTime(timezone=True), line=JSONB())


async def _delete(session: WriteSession, what: Expiring, values: dict[str, Any]) -> None:
    await session.execute(what.delete, values)
