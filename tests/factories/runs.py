"""Runs, started as a person starts them."""

from uuid import UUID

from holdgate.core.db import Database
from holdgate.core.principal import Principal
from holdgate.runs import service
from holdgate.tasks.service import TaskRequest


async def start(database: Database, by: Principal, n: int = 2) -> UUID:
    async with database.write(by.actor) as session:
        requests = [TaskRequest(kind="test.steps", payload={"name": str(i)}) for i in range(n)]
        return await service.start_run(session, by, "A run", requests)
