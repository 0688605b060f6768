"""Schedules for tests, and their tasks."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

import holdgate.kinds.email_send  # noqa: F401
import tests.tasks.kinds  # noqa: F401
from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.schedules import service
from holdgate.schedules.models import Schedule, ScheduleEvent
from holdgate.schedules.plan import SchedulePlan
from holdgate.tasks.models import Task

NOON = datetime(2026, 11, 23, 12, 0, 30, tzinfo=UTC)


async def plan(database: Database, by: Principal, *, now: datetime | None = NOON, **values: Any) -> UUID:
    """A schedule of `by`, made at `now`."""
    wanted = {"name": "Every hour", "kind": "test.nothing", "payload": {}, "cron": "0 * * * *", **values}
    async with database.write(by.actor) as session:
        return await service.create(session, by, SchedulePlan(**wanted), now=now)


async def fire(database: Database, now: datetime | None = None) -> int:
    async with database.write("system") as session:
        return await service.fire_due(session, now=now)


async def schedule_of(database: Database, schedule_id: UUID) -> Schedule:
    async with database.read() as session:
        return await session.get_one(Schedule, schedule_id)


async def tasks_of(database: Database, schedule_id: UUID) -> list[Task]:
    async with database.read() as session:
        found = await session.execute(
            select(Task).where(Task.subject == f"{service.SUBJECT}{schedule_id}").order_by(Task.created_at)
        )
        return list(found.scalars())


async def happened(database: Database, schedule_id: UUID) -> list[tuple[str, str, str | None]]:
    async with database.read() as session:
        events = await session.execute(
            select(ScheduleEvent).where(ScheduleEvent.schedule_id == schedule_id).order_by(ScheduleEvent.id)
        )
        return [(event.verb, event.actor, event.changed) for event in events.scalars()]
