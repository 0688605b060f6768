"""Bulk actions in tests: started as a person does, carried out beat by beat."""

from datetime import datetime
from typing import Any
from uuid import UUID

from app.bulk import service
from app.bulk.models import BulkAction, BulkEvent
from app.bulk.queries import events_of
from app.bulk.states import BulkVerb
from app.core.db import Database
from app.core.principal import Principal
from app.tasks.filters import TaskFilter


async def start(database: Database, by: Principal, verb: BulkVerb, wanted: TaskFilter, **more: Any) -> UUID:
    async with database.write(by.actor) as session:
        return await service.start_bulk(session, by, verb, wanted, **more)


async def beat(database: Database, now: datetime | None = None) -> bool:
    """One chunk, as the sweeper does it."""
    async with database.write("system") as session:
        return await service.advance(session, now=now)


async def finish(database: Database, now: datetime | None = None) -> None:
    """Until nothing is due."""
    while await beat(database, now):
        pass


async def action_of(database: Database, action_id: UUID) -> BulkAction:
    async with database.read() as session:
        return await session.get_one(BulkAction, action_id)


async def log_of(database: Database, action_id: UUID) -> list[BulkEvent]:
    async with database.read() as session:
        return await events_of(session, action_id)
