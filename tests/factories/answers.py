"""How long people took, as if they had decided before."""

from sqlalchemy import text

from holdgate.approvals.figures import queries
from holdgate.core.db import Database

NOTE = text(
    "INSERT INTO answer_notes (kind, group_name, event, person, seconds)"
    " VALUES (:kind, '', 'decided', :person, :seconds)"
)


async def fold(database: Database, *, people: bool = True) -> None:
    async with database.write("system") as session:
        while await queries.fold(session, people=people):
            pass


async def decide(database: Database, seconds: float, *people: str, kind: str = "test.asks") -> None:
    async with database.write("system") as session:
        for person in people:
            await session.execute(NOTE, {"kind": kind, "person": person, "seconds": seconds})
    await fold(database)
