"""When a failed task is tried again: spread at random, so that what failed together does not come together, and never
later than the cap of its kind."""

from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import text

from holdgate.core.config import Settings
from holdgate.core.db import Database
from holdgate.runtime.attempts.context import Context
from holdgate.runtime.errors import RetryAfter
from holdgate.tasks.kinds import Backoff, kind
from holdgate.tasks.service import TaskRequest, enqueue_many
from tests.factories.workers import until, working

N = 40
BASE, CAP = timedelta(minutes=1), timedelta(minutes=10)


class After(msgspec.Struct):
    told: float = 0.0  # seconds that the other side asks for


@kind("test.later", max_attempts=1000, backoff=Backoff(base=BASE, factor=2, cap=CAP))
async def later(ctx: Context, payload: After) -> None:
    raise RetryAfter(timedelta(seconds=payload.told), "Not now.") if payload.told else RuntimeError("Not now.")


async def pauses(database: Database, settings: Settings, failures: int, told: float = 0.0) -> list[float]:
    """Seconds until their next attempt, of tasks that have failed so often and then once more, all together."""
    async with database.write("system") as session:
        await enqueue_many(session, [TaskRequest(kind="test.later", payload={"told": told})] * N)
        await session.execute(text("UPDATE tasks SET failures = :n"), {"n": failures})
    found: list[Any] = []

    async def all_failed() -> bool:
        nonlocal found
        statement = "SELECT CAST(extract(epoch FROM run_at - claimed_at) AS float8) FROM tasks WHERE state = 'retrying'"
        async with database.read() as session:
            found = list((await session.execute(text(statement))).scalars())
        return len(found) == N

    async with working(database, settings, sweep=False):
        await until(all_failed)
    async with database.write("system") as session:
        await session.execute(text("DELETE FROM tasks"))
    return sorted(found)


def spread(found: list[float], low: float, high: float) -> bool:
    """Over all of the time: within it, and with some in its first and its last third."""
    third = (high - low) / 3
    work = 5  # seconds that claim and outcome may lie apart on a slow machine
    return low <= found[0] < low + third + work and high - third < found[-1] <= high + work


async def test_what_failed_together_comes_again_at_times_of_its_own(database: Database, settings: Settings) -> None:
    assert spread(await pauses(database, settings, failures=0), 0, 60)
    assert spread(await pauses(database, settings, failures=2), 0, 240)


async def test_no_pause_is_longer_than_the_cap_however_often_a_task_has_failed(
    database: Database, settings: Settings
) -> None:
    for failures in (4, 50, 900):
        assert spread(await pauses(database, settings, failures), 0, CAP.total_seconds())


async def test_tasks_that_were_told_to_come_later_do_not_come_together_either(
    database: Database, settings: Settings
) -> None:
    found = await pauses(database, settings, failures=0, told=3600)
    assert found[0] >= 3600 and found[-1] - found[0] > 100
