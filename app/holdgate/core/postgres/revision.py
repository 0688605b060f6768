"""Which migration the schema of a database is at."""

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from holdgate.core.postgres.outages import sqlstate

UNDEFINED_TABLE = "42P01"
_REVISION = text("SELECT version_num FROM alembic_version")


async def revision(session: AsyncSession) -> str | None:
    """None: nothing was ever migrated here. Revisions are numbers of four digits, in order."""
    try:
        found: str | None = (await session.execute(_REVISION)).scalar_one_or_none()
    except DBAPIError as error:
        if sqlstate(error) != UNDEFINED_TABLE:
            raise
        return None
    return found
