"""A worker inside the test's own process, and waiting for what it does."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import msgspec
from sqlalchemy import select

import tests.runtime.kinds  # noqa: F401
from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.runtime.dispatcher import Dispatcher
from holdgate.runtime.sweeper import Sweeper
from holdgate.tasks.models import Task
from holdgate.tasks.queue.log import TaskEvent
from tests.processes import PATIENCE


@asynccontextmanager
async def working(
    database: Database, settings: Settings, *, sweep: bool = True, handlers: Database | None = None
) -> AsyncIterator[Dispatcher]:
    """A dispatcher and a sweeper until the block ends."""
    quick = msgspec.structs.replace(settings, poll_interval=settings.lease / 300)
    dispatcher = Dispatcher(database, quick, handlers=handlers)
    jobs = [asyncio.create_task(dispatcher.run())]
    if sweep:
        jobs.append(asyncio.create_task(Sweeper(database, quick).run()))
    try:
        yield dispatcher
    finally:
        fallen = [traceback.format_exception(error) for job in jobs if job.done() and (error := job.exception())]
        await dispatcher.drain()
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        assert fallen == [], "".join(fallen[0])


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = PATIENCE) -> None:
    """Wait for a condition; a failure names it."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)


async def until_state(database: Database, task_id: UUID, *states: str, seconds: float = PATIENCE) -> Task:
    """Wait until the task is in one of `states`."""
    seen: Task | None = None

    async def there() -> bool:
        nonlocal seen
        seen = await task_of(database, task_id)
        return seen.state in states

    try:
        await until(there, seconds)
    except TimeoutError:
        assert seen is not None
        raise AssertionError(f"the task is {seen.state} ({seen.reason}), not {states}\n{seen.error}") from None
    assert seen is not None
    return seen


async def task_of(database: Database, task_id: UUID) -> Task:
    async with database.read() as session:
        return await session.get_one(Task, task_id)


async def verbs_of(database: Database, task_id: UUID) -> list[str]:
    async with database.read() as session:
        rows = await session.execute(select(TaskEvent.verb).where(TaskEvent.task_id == task_id).order_by(TaskEvent.id))
        return list(rows.scalars())
