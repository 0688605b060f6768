"""A table of the tests' own, for the traces that handlers leave."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from holdgate.core.db import Database


@pytest.fixture
async def evidence(database: Database) -> AsyncIterator[Database]:
    async with database.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE IF NOT EXISTS evidence (name text NOT NULL)"))
        await connection.execute(text("TRUNCATE evidence"))
    yield database
    async with database.engine.begin() as connection:
        await connection.execute(text("DROP TABLE evidence"))
